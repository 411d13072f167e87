#include "worker/dispatch.hpp"

#include <catch2/catch.hpp>

#include <map>
#include <memory>
#include <optional>
#include <stdexcept>

#include "tests/worker/dispatch_harness.hpp"

using namespace rpcbroker;
using namespace rpcbroker::test;
using namespace std::chrono_literals;

namespace {

class Counter {
public:
    std::int64_t add(std::int64_t by) { return total_ += by; }
    [[nodiscard]] std::int64_t total() const { return total_; }
    std::int64_t add_with(Context& context, const std::string& suffix) {
        last_ = std::string{context.method()} + suffix;
        return total_;
    }
    [[nodiscard]] const std::string& last() const noexcept { return last_; }

private:
    std::int64_t total_ = 0;
    std::string last_;
};

std::string greet(const std::string& name) { return "hello " + name; }

}  // namespace

TEST_CASE("a handler gets its parameters and its result is the response") {
    DispatchHarness harness;
    harness.registry.service("S").method("add", [](int a, double b) { return a + b > 2; });
    CHECK(harness.call("S.add", 1, 2.5) == "response 7 nil true");
}

TEST_CASE("handlers may be functions, lambdas with state, and members") {
    DispatchHarness harness;
    Counter counter;
    int state = 0;
    auto& service = harness.registry.service("S");
    service.method("greet", greet).method("pointer", &greet);
    service.method("count", [&state]() mutable noexcept { return ++state; });
    service.method("add", &Counter::add, counter).method("total", &Counter::total, counter);
    service.method("with", &Counter::add_with, counter, {.params = {"suffix"}}).method("last", &Counter::last, counter);
    CHECK(harness.call("S.greet", "you") == R"(response 7 nil "hello you")");
    CHECK(harness.call("S.pointer", "me") == R"(response 7 nil "hello me")");
    CHECK(harness.call("S.count") == "response 7 nil 1");
    CHECK(harness.call("S.count") == "response 7 nil 2");
    CHECK(harness.call("S.add", 5) == "response 7 nil 5");
    CHECK(harness.call("S.total") == "response 7 nil 5");
    CHECK(harness.call("S.with", "!") == "response 7 nil 5");
    CHECK(harness.call("S.last") == R"(response 7 nil "S.with!")");
}

TEST_CASE("text and any value are taken as views into the message") {
    DispatchHarness harness;
    std::string_view seen_text;
    std::string_view seen_raw;
    harness.registry.service("S").method("view", [&](std::string_view text, RawView raw) {
        seen_text = text;
        seen_raw = raw.packed;
        return raw;
    });
    std::string params;
    pack_params(params, std::string(100, 'x'), std::vector<int>{1, 2});
    CHECK(harness.call_packed("S.view", params) == "response 7 nil [1, 2]");
    const auto within = [&params](std::string_view view) {
        return view.data() >= params.data() && view.data() + view.size() <= params.data() + params.size();
    };
    CHECK(within(seen_text));
    CHECK(within(seen_raw));
}

TEST_CASE("parameters by value are moved into the handler") {
    DispatchHarness harness;
    harness.registry.service("S").method(
        "take", [](std::vector<std::string> list, const std::map<std::string, int>& map, std::optional<int>&& maybe) {
            return list.size() + map.size() + static_cast<std::size_t>(maybe.value_or(0));
        });
    const std::map<std::string, int> map{{"a", 1}};
    CHECK(harness.call("S.take", std::vector<std::string>{"a", "b"}, map, 4) == "response 7 nil 7");
}

TEST_CASE("a handler that returns nothing answers nil") {
    DispatchHarness harness;
    bool ran = false;
    harness.registry.service("S").method("run", [&ran] { ran = true; });
    CHECK(harness.call("S.run") == "response 7 nil nil");
    CHECK(ran);
}

TEST_CASE("a handler may return a Result") {
    DispatchHarness harness;
    harness.registry.service("S")
        .method("half",
                [](int number) -> Result<int> {
                    if (number % 2 != 0) return Error{Code::invalid_argument, "odd"};
                    return number / 2;
                })
        .method("check", [](bool good) -> Result<void> {
            if (!good) return Error{Code::aborted, "not good"};
            return {};
        });
    CHECK(harness.call("S.half", 8) == "response 7 nil 4");
    CHECK(harness.call("S.half", 7) == "response 7 INVALID_ARGUMENT nil");
    CHECK(harness.error().message() == "odd");
    CHECK(harness.call("S.check", true) == "response 7 nil nil");
    CHECK(harness.call("S.check", false) == "response 7 ABORTED nil");
}

TEST_CASE("parameters that do not fit are the library's error, before the handler") {
    DispatchHarness harness;
    bool ran = false;
    harness.registry.service("S").method("run", [&ran](std::string_view) { ran = true; }, {.params = {"text"}});
    CHECK(harness.call("S.run", 3) == "response 7 INVALID_ARGUMENT(worker, no) nil");
    CHECK(harness.error().message() == "parameter 1 (text): expected str, got int");
    CHECK(harness.call("S.run") == "response 7 INVALID_ARGUMENT(worker, no) nil");
    CHECK(harness.error().message() == "expected 1 parameter (text), got 0");
    CHECK_FALSE(ran);
}

TEST_CASE("an error that is thrown goes to the caller, without what is the broker's to say") {
    DispatchHarness harness;
    harness.registry.service("S").method("fail", []() -> int {
        Error error{Code::unavailable, "the other side is down", By::broker, Ran::maybe};
        error.set_retry_after(5s);
        error.set_data("\x05");
        throw error;
    });
    CHECK(harness.call("S.fail") == "response 7 UNAVAILABLE nil");
    CHECK(harness.error().message() == "the other side is down");
    CHECK(harness.error().data() == "\x05");
    CHECK_FALSE(harness.error().retry_after());
}

TEST_CASE("an error that is returned is stripped, too") {
    DispatchHarness harness;
    harness.registry.service("S").method("fail", []() -> Result<int> {
        return Error{Code::not_found, "no such thing", By::broker, Ran::no};
    });
    CHECK(harness.call("S.fail") == "response 7 NOT_FOUND nil");
}

TEST_CASE("other exceptions become INTERNAL with their text") {
    DispatchHarness harness;
    harness.registry.service("S").method("fail", []() -> int { throw std::runtime_error{"out of paper"}; });
    harness.registry.service("S").method("odd", [] { throw 42; });
    CHECK(harness.call("S.fail") == "response 7 INTERNAL nil");
    CHECK(harness.error().message() == "out of paper");
    CHECK(harness.call("S.odd") == "response 7 INTERNAL nil");
    CHECK(harness.error().message() == "unknown exception");
}

TEST_CASE("a method that is not there is UNIMPLEMENTED") {
    DispatchHarness harness;
    harness.registry.service("S").method("m", [] {});
    CHECK(harness.call("S.n") == "response 7 UNIMPLEMENTED(worker, no) nil");
    CHECK(harness.error().message() == "there is no method S.n");
    CHECK(harness.call("T.m") == "response 7 UNIMPLEMENTED(worker, no) nil");
    CHECK(harness.error().message() == "this worker has no service T");
}

TEST_CASE("one response buffer serves one call after the other") {
    DispatchHarness harness;
    harness.registry.service("S").method("m", [](int number) -> Result<int> {
        if (number < 0) return Error{Code::out_of_range, "negative"};
        return number;
    });
    CHECK(harness.call("S.m", 1) == "response 7 nil 1");
    CHECK(harness.call("S.m", -1) == "response 7 OUT_OF_RANGE nil");
    CHECK(harness.call("S.m", 2) == "response 7 nil 2");
}

TEST_CASE("a context shows what came with the call") {
    DispatchHarness harness;
    std::string meta;
    pack_value(meta, std::map<std::string, std::string>{{"user", "ada"}});
    harness.running.worker_name = "me";
    auto& call = harness.running.call;
    call.worker = std::make_shared<const std::string>("w1");
    call.options.meta = meta;
    call.options.trace = "00-1-2-3";
    call.options.key = "k";
    call.options.caller = "ada's key";
    call.deadline = Clock::now() + 1h;
    bool checked = false;
    harness.registry.service("S").method("m", [&](Context& context) {
        checked = context.method() == "S.m" && context.worker_name() == "me" && context.worker_id() == "w1" &&
                  context.meta().at("user") == "ada" && context.trace() == "00-1-2-3" && context.key() == "k" &&
                  context.caller() == "ada's key" && context.deadline() && *context.time_left() > 59min &&
                  !context.cancelled();
    });
    CHECK(harness.call("S.m") == "response 7 nil nil");
    CHECK(checked);
}

TEST_CASE("a context of a bare call is empty") {
    DispatchHarness harness;
    bool checked = false;
    harness.registry.service("S").method("m", [&](Context& context) {
        checked = context.meta().empty() && context.trace().empty() && !context.key() && context.caller().empty() &&
                  !context.deadline() && !context.time_left();
    });
    harness.call("S.m");
    CHECK(checked);
}

TEST_CASE("no time is left after the deadline") {
    DispatchHarness harness;
    std::optional<Context::Clock::duration> left;
    harness.running.call.deadline = Clock::now() - 1s;
    harness.registry.service("S").method("m", [&left](Context& context) { left = context.time_left(); });
    harness.call("S.m");
    CHECK(left == Context::Clock::duration::zero());
}

TEST_CASE("a context says what calls that are made for it carry on") {
    DispatchHarness harness;
    std::string meta;
    pack_value(meta, std::map<std::string, std::string>{{"user", "ada"}});
    auto& options = harness.running.call.options;
    options.meta = meta;
    options.trace = "00-1-2-3";
    const auto deadline = Clock::now() + 1h;
    harness.running.call.deadline = deadline;
    Propagation kept;
    harness.registry.service("S").method("m", [&kept](Context& context) { kept = context.propagation(); });
    harness.call("S.m");
    CHECK(kept.deadline == deadline);
    CHECK(kept.trace == "00-1-2-3");
    CHECK(kept.meta == std::map<std::string, std::string>{{"user", "ada"}});
    options = {};
    harness.running.call.deadline.reset();
    harness.call("S.m");
    CHECK_FALSE(kept.deadline);
    CHECK(kept.trace.empty());
    CHECK(kept.meta.empty());
}

TEST_CASE("a handler's stop token is its call's") {
    DispatchHarness harness;
    std::stop_token token;
    harness.registry.service("S").method("m", [&](Context& context) {
        token = context.stop_token();
        harness.running.cancellation.notify(harness.running.cancellation.request());
        return token.stop_requested();
    });
    CHECK(harness.call("S.m") == "response 7 nil true");
}
