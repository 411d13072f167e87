// A DEALER behind zmq_proxy: answers each body's requests with one body, to the client that the proxy's ROUTER names.
#include <cstdio>
#include <exception>

#include "common/message.hpp"
#include "tests/bench/compare/payload.hpp"
#include "tests/bench/compare/zmq_bodies.hpp"

namespace {

using namespace rpcbroker;
using namespace rpcbroker::compare;

void append_answers(std::string_view body, std::string& out) {
    constexpr std::size_t head = 16;
    BodyReader reader{body};
    MessageView request;
    std::string scratch;
    auto step = reader.next(request);
    for (; step == BodyReader::Step::message; step = reader.next(request)) {
        const auto result = answer(request.method, request.params, scratch);
        if (result.size() > batch_bytes) out.reserve(out.size() + result.size() + head);
        append_result(out, request.msgid, result);
    }
    if (step == BodyReader::Step::malformed) fail(reader.problem());
}

[[noreturn]] void serve(const char* backend) {
    zmq::context_t context;
    zmq::socket_t socket{context, zmq::socket_type::dealer};
    set_up(socket);
    socket.connect(backend);
    std::puts("ready");
    (void)std::fflush(stdout);
    zmq::message_t client;
    zmq::message_t body;
    std::string out;
    for (;;) {
        if (!socket.recv(client) || !socket.recv(body)) continue;
        append_answers(view(body), out);
        socket.send(client, zmq::send_flags::sndmore);
        socket.send(frame(out), zmq::send_flags::none);
    }
}

}  // namespace

int main(int argc, char** argv) {
    try {
        if (argc != 2) fail("usage: compare-zmq-worker BACKEND");
        serve(argv[1]);
    } catch (const std::exception& error) {
        end_at_once(error.what());
    }
}
