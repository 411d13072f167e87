// Methods that stream, called the way the runtime does.
#include <rpcbroker/stream_context.hpp>

#include <catch2/catch.hpp>

#include <stdexcept>

#include "tests/worker/dispatch_harness.hpp"
#include "tests/worker/fake_sink.hpp"

using namespace rpcbroker;
using namespace rpcbroker::test;
using namespace std::chrono_literals;

namespace {

class Words {
public:
    std::size_t send(StreamContext<std::string>& stream, const std::vector<std::string>& words) {
        for (const auto& word : words) stream.send(word);
        return words.size();
    }
};

int range(StreamContext<int>& stream, int n) {
    for (int i = 0; i < n && stream.send(i); ++i) continue;
    return n;
}

}  // namespace

TEST_CASE("a handler that takes a StreamContext sends items and then its result") {
    StreamHarness harness;
    harness.registry.service("S").method("range", range);
    CHECK(harness.call("S.range", 3) == "response 7 nil 3");
    CHECK(harness.sink.sent == Items{"item 7 0", "item 7 1", "item 7 2"});
    CHECK(harness.call("S.range", 0) == "response 7 nil 0");
}

TEST_CASE("members, lambdas and handlers without parameters or result may stream") {
    StreamHarness harness;
    Words words;
    auto& service = harness.registry.service("S");
    service.method("words", &Words::send, words);
    service.method("once", [](StreamContext<std::string_view>& stream) { stream.send("only"); });
    CHECK(harness.call("S.words", std::vector<std::string>{"a", "b"}) == "response 7 nil 2");
    CHECK(harness.call("S.once") == "response 7 nil nil");
    CHECK(harness.sink.sent == Items{R"(item 7 "a")", R"(item 7 "b")", R"(item 7 "only")"});
}

TEST_CASE("a method that streams is described by what its items are") {
    Registry registry;
    registry.service("S")
        .method("range", range, {.params = {"n"}})
        .method("raw", [](StreamContext<std::vector<double>>&) -> Result<std::string> { return std::string{}; });
    CHECK(
        show_packed(registry.describe()) ==
        R"([{"name": "S", "methods": [)"
        R"({"name": "range", "params": ["n: int"], "result": "int", "doc": "", "idempotent": false, "stream": true}, )"
        R"({"name": "raw", "params": [], "result": "list<float>", "doc": "", "idempotent": false, "stream": true}]}])");
}

TEST_CASE("a method that streams is refused to a caller who takes no items") {
    StreamHarness harness;
    bool ran = false;
    harness.registry.service("S").method("stream", [&ran](StreamContext<int>&) { ran = true; });
    harness.running.call.options.stream.reset();
    CHECK(harness.call("S.stream") == "response 7 INVALID_ARGUMENT(worker, no) nil");
    CHECK(harness.error().message() == "S.stream sends a stream: it is to be called with the option stream");
    CHECK_FALSE(ran);
    harness.running.call.options.stream = 0;
    CHECK(harness.call("S.stream") == "response 7 nil nil");
}

TEST_CASE("a method that does not stream answers a caller who would take items") {
    StreamHarness harness;
    harness.registry.service("S").method("plain", [](int number) { return number; });
    CHECK(harness.call("S.plain", 5) == "response 7 nil 5");
    CHECK(harness.sink.sent.empty());
}

TEST_CASE("a stream's context is a context") {
    StreamHarness harness;
    harness.running.worker_name = "me";
    bool checked = false;
    harness.registry.service("S").method("m", [&checked](StreamContext<int>& stream) {
        Context& context = stream;
        checked = context.method() == "S.m" && context.worker_name() == "me" && !context.cancelled();
    });
    harness.call("S.m");
    CHECK(checked);
}

TEST_CASE("what a handler throws ends its stream, after the items") {
    StreamHarness harness;
    harness.registry.service("S").method("torn", [](StreamContext<int>& stream) {
        stream.send(1);
        throw std::runtime_error{"torn"};
    });
    CHECK(harness.call("S.torn") == "response 7 INTERNAL nil");
    CHECK(harness.sink.sent == Items{"item 7 1"});
}

TEST_CASE("parameters that do not fit end a stream before it begins") {
    StreamHarness harness;
    harness.registry.service("S").method("range", range, {.params = {"n"}});
    CHECK(harness.call("S.range", "three") == "response 7 INVALID_ARGUMENT(worker, no) nil");
    CHECK(harness.error().message() == "parameter 1 (n): expected int, got str");
    CHECK(harness.sink.sent.empty());
}

TEST_CASE("send() says when nobody wants items any more") {
    StreamHarness harness;
    int sent = 0;
    harness.registry.service("S").method("endless", [&](StreamContext<int>& stream) {
        while (stream.send(sent)) {
            if (++sent == 5) harness.running.cancellation.request();
        }
        return stream.try_send(0);
    });
    CHECK(harness.call("S.endless") == "response 7 nil false");
    CHECK(sent == 5);
    CHECK(harness.sink.sent.size() == 5);
}

TEST_CASE("send() waits for credit, and gives up when the call is cancelled meanwhile") {
    StreamHarness harness;
    harness.sink.credit = 1;
    harness.sink.granted = 1;
    harness.registry.service("S").method("range", range);
    CHECK(harness.call("S.range", 10) == "response 7 nil 10");
    CHECK(harness.sink.sent == Items{"item 7 0", "item 7 1"});
    CHECK(harness.sink.waits == 2);
}

TEST_CASE("try_send() does not wait") {
    StreamHarness harness;
    harness.sink.credit = 1;
    std::vector<bool> sent;
    harness.registry.service("S").method("try", [&sent](StreamContext<int>& stream) {
        sent = {stream.try_send(1), stream.try_send(2), stream.wait_for_credit(1ms)};
    });
    harness.call("S.try");
    CHECK(sent == std::vector<bool>{true, false, false});
    CHECK(harness.sink.sent == Items{"item 7 1"});
    CHECK(harness.sink.waits == 0);
}

TEST_CASE("wait_for_credit() says whether an item could be sent") {
    StreamHarness harness;
    harness.sink.credit = 0;
    harness.sink.granted = 1;
    harness.registry.service("S").method(
        "wait", [](StreamContext<int>& stream) { return stream.wait_for_credit(3ms) && stream.try_send(1); });
    CHECK(harness.call("S.wait") == "response 7 nil true");
    CHECK(harness.sink.waited == 3ms);
}

TEST_CASE("an item that is too large is an error, after which the stream may go on") {
    StreamHarness harness;
    harness.sink.largest = 100;
    harness.registry.service("S").method("large", [](StreamContext<std::string>& stream, bool go_on) {
        try {
            stream.send(std::string(200, 'x'));
        } catch (const Error& error) {
            if (!go_on) throw;
            stream.send(error.message());
        }
    });
    CHECK(harness.call("S.large", true) == "response 7 nil nil");
    CHECK(harness.sink.sent == Items{R"(item 7 "a stream item of 209 bytes is over the broker's limit")"});
    CHECK(harness.call("S.large", false) == "response 7 RESOURCE_EXHAUSTED nil");
}
