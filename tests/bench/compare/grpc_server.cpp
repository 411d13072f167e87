// EchoUtil by gRPC's asynchronous API. As doc/cpp/perf_notes.md advises, there is a thread for each core with a
// completion queue of its own; and, as the performance guide does, enough calls are asked for beforehand. The objects of
// calls are used again.
#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <cstdio>
#include <deque>
#include <optional>
#include <thread>

#include "echo_util.grpc.pb.h"
#include "tests/bench/compare/driver.hpp"

namespace {

using namespace rpcbroker::compare;
using Service = EchoUtil::AsyncService;
using Queue = grpc::ServerCompletionQueue;

constexpr int asked_for_beforehand = 1024;  // of small calls, by each thread

class Step {
public:
    Step() = default;
    Step(const Step&) = delete;
    Step& operator=(const Step&) = delete;
    virtual ~Step() = default;
    virtual void proceed() = 0;
};

template <class Request, class Reply>
class Call final : public Step {
public:
    using Ask = void (Service::*)(grpc::ServerContext*, Request*, grpc::ServerAsyncResponseWriter<Reply>*,
                                  grpc::CompletionQueue*, Queue*, void*);
    using Answer = void (*)(Request&, Reply&);

    Call(Service& service, Queue& queue, Ask ask, Answer answer)
        : service_(service), queue_(queue), ask_(ask), answer_(answer) {
        ask_for_one();
    }

    void proceed() override {
        if (answered_) return ask_for_one();
        answered_ = true;
        answer_(request_, reply_);
        writer_->Finish(reply_, grpc::Status::OK, this);
    }

private:
    void ask_for_one() {
        answered_ = false;
        writer_.reset();
        context_.emplace();
        writer_.emplace(&*context_);
        (service_.*ask_)(&*context_, &request_, &*writer_, &queue_, &queue_, this);
    }

    Service& service_;
    Queue& queue_;
    Ask ask_;
    Answer answer_;
    std::optional<grpc::ServerContext> context_;
    std::optional<grpc::ServerAsyncResponseWriter<Reply>> writer_;
    Request request_;
    Reply reply_;
    bool answered_ = false;
};

void count(Text& request, Count& reply) { reply.set_count(std::ranges::count(request.text(), 's')); }
void echo(Payload& request, Payload& reply) { reply.mutable_payload()->swap(*request.mutable_payload()); }

void serve(Service& service, Queue& queue) {
    std::deque<Call<Text, Count>> counts;
    std::deque<Call<Payload, Payload>> echoes;
    for (int i = 0; i < asked_for_beforehand; ++i)
        counts.emplace_back(service, queue, &Service::RequestCountString, &count);
    for (int i = 0; i < asked_for_beforehand / 64; ++i)
        echoes.emplace_back(service, queue, &Service::RequestEcho, &echo);
    void* step = nullptr;
    bool ok = false;
    while (queue.Next(&step, &ok) && ok) static_cast<Step*>(step)->proceed();
}

}  // namespace

int main() {
    Service service;
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    builder.RegisterService(&service);
    std::vector<std::unique_ptr<Queue>> queues(std::max(1U, std::thread::hardware_concurrency()));
    for (auto& queue : queues) queue = builder.AddCompletionQueue();
    const auto server = builder.BuildAndStart();
    if (!server) end_at_once("cannot listen");
    std::vector<std::thread> threads;
    for (auto& queue : queues) threads.emplace_back([&] { serve(service, *queue); });
    std::printf("ready endpoint=ipv4:127.0.0.1:%d\n", port);
    (void)std::fflush(stdout);
    for (auto& thread : threads) thread.join();
}
