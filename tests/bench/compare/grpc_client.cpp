// gRPC's clients: a channel with a connection of its own each. One call at a time is the blocking stub; a window is
// driven by the client's thread through its own completion queue, which the performance guide has for the most calls a
// second.
#include <grpcpp/grpcpp.h>

#include <memory>
#include <optional>

#include "echo_util.grpc.pb.h"
#include "tests/bench/compare/driver.hpp"

namespace {

using namespace rpcbroker::compare;

void check(const grpc::Status& status) {
    if (!status.ok()) fail(status.error_message());
}

struct CountString {
    using Request = Text;
    using Reply = Count;
    static Request request(const Options& options) {
        Request request;
        request.set_text(options.text());
        return request;
    }
    static void check(const Options&, const Reply& reply) {
        if (reply.count() != counted_result) fail("a wrong count came back");
    }
    static auto begin(EchoUtil::Stub& stub, grpc::ClientContext* context, const Request& request,
                      grpc::CompletionQueue* queue) {
        return stub.AsyncCountString(context, request, queue);
    }
    static auto call(EchoUtil::Stub& stub, grpc::ClientContext* context, const Request& request, Reply* reply) {
        return stub.CountString(context, request, reply);
    }
};

struct Echo {
    using Request = Payload;
    using Reply = Payload;
    static Request request(const Options& options) {
        Request request;
        request.set_payload(options.text());
        return request;
    }
    static void check(const Options& options, const Reply& reply) {
        if (reply.payload().size() != options.size) fail("a wrong text came back");
    }
    static auto begin(EchoUtil::Stub& stub, grpc::ClientContext* context, const Request& request,
                      grpc::CompletionQueue* queue) {
        return stub.AsyncEcho(context, request, queue);
    }
    static auto call(EchoUtil::Stub& stub, grpc::ClientContext* context, const Request& request, Reply* reply) {
        return stub.Echo(context, request, reply);
    }
};

template <class Method>
void one_at_a_time(const Options& options, EchoUtil::Stub& stub, Meter& meter) {
    const auto request = Method::request(options);
    typename Method::Reply reply;
    meter.begin();
    auto now = Clock::now();
    for (auto more = true; more;) {
        grpc::ClientContext context;
        check(Method::call(stub, &context, request, &reply));
        Method::check(options, reply);
        const auto sent = now;
        now = Clock::now();
        more = meter.ended(sent, now);
    }
}

template <class Method>
struct Slot {
    std::optional<grpc::ClientContext> context;
    std::unique_ptr<grpc::ClientAsyncResponseReader<typename Method::Reply>> reader;
    typename Method::Reply reply;
    grpc::Status status;
    Clock::time_point sent;
};

template <class Method>
void window(const Options& options, EchoUtil::Stub& stub, Meter& meter) {
    grpc::CompletionQueue queue;
    std::vector<Slot<Method>> slots(options.window);
    const auto request = Method::request(options);
    const auto call = [&](Slot<Method>& slot) {
        slot.reader.reset();
        slot.context.emplace();
        slot.reader = Method::begin(stub, &*slot.context, request, &queue);
        slot.reader->Finish(&slot.reply, &slot.status, &slot);
    };
    meter.begin();
    for (auto& slot : slots) {
        slot.sent = Clock::now();
        call(slot);
    }
    void* tag = nullptr;
    bool ok = false;
    for (auto open = options.window; open > 0 && queue.Next(&tag, &ok);) {
        auto& slot = *static_cast<Slot<Method>*>(tag);
        check(slot.status);
        Method::check(options, slot.reply);
        const auto now = Clock::now();
        if (meter.ended(slot.sent, now)) {
            slot.sent = now;
            call(slot);
        } else {
            --open;
        }
    }
}

template <class Method>
void run(const Options& options, EchoUtil::Stub& stub, Meter& meter) {
    if (options.window == 1)
        one_at_a_time<Method>(options, stub, meter);
    else
        window<Method>(options, stub, meter);
}

std::unique_ptr<EchoUtil::Stub> connect(const std::string& target) {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);  // channels share connections otherwise
    arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
    const auto channel = grpc::CreateCustomChannel(target, grpc::InsecureChannelCredentials(), arguments);
    if (!channel->WaitForConnected(std::chrono::system_clock::now() + std::chrono::seconds{10})) fail("no connection");
    return EchoUtil::NewStub(channel);
}

}  // namespace

int main(int argc, char** argv) {
    return drive(argc, argv, [](const Options& options, unsigned index, Meter& meter) {
        const auto stub = connect(options.target(index));
        if (options.size)
            run<Echo>(options, *stub, meter);
        else
            run<CountString>(options, *stub, meter);
    });
}
