// rpc-call's calls and streams, over real sockets.
#include <catch2/catch.hpp>

#include <cerrno>
#include <sstream>
#include <streambuf>
#include <thread>

#include "client/json_msgpack.hpp"
#include "client/rpc_caller.hpp"
#include "common/transport/context.hpp"
#include "tests/client/fake_broker.hpp"

using namespace rpcbroker;
using namespace rpcbroker::test;
using namespace std::chrono_literals;

namespace {

/// Never shorter than a test.
constexpr auto ample = std::chrono::milliseconds{30s};

/// A pipe whose reader goes after so many lines.
class ShortPipe : public std::streambuf {
public:
    explicit ShortPipe(int lines) : lines_left_(lines) {}

    std::string text;

protected:
    int overflow(int c) override {
        text += static_cast<char>(c);
        if (c == '\n') --lines_left_;
        return c;
    }
    int sync() override {
        if (lines_left_ >= 0) return 0;
        errno = EPIPE;
        return -1;
    }

private:
    int lines_left_;
};

struct Calling {
    FakeBroker broker{transport::Context{}};
    Client client{ClientOptions{.brokers = {broker.endpoint()}, .timeout = ample}};
    RpcCallOptions options;
    std::ostringstream out;
    std::ostringstream err;

    Calling(const std::string& method, std::string_view params) {
        options.method = method;
        options.params = json_to_msgpack(params).value();
        options.call.timeout = ample;
    }
    int run(bool interrupted = false) {
        return RpcCaller{client, options, [=] { return interrupted; }, out, err}.run();
    }
};

}  // namespace

TEST_CASE("calls print their results, one after the other or several at once") {
    Calling calling{"T.Echo", "[7]"};
    calling.options.repeat = 3;
    calling.options.parallel = GENERATE(1U, 2U);
    CHECK(calling.run() == 0);
    CHECK(calling.out.str() == "7\n7\n7\n");
}

TEST_CASE("a method that streams prints its items, and not its result") {
    Calling calling{"T.Count", "[3]"};
    CHECK(calling.run() == 0);
    CHECK(calling.out.str() == "1\n2\n3\n");
    CHECK(calling.err.str().empty());
}

TEST_CASE("every item has the format that was asked for") {
    Calling calling{"T.Count", "[3]"};
    calling.options.format = OutputFormat::msgpack;
    CHECK(calling.run() == 0);
    CHECK(calling.out.str() == "\x01\x02\x03");
}

TEST_CASE("several streams are read one after the other, and only the first call is in vain") {
    Calling calling{"T.Count", "[2]"};
    calling.options.repeat = 3;
    SECTION("one by one") {
        CHECK(calling.run() == 0);
        calling.broker.wait_for("rpc.describe", 1);
        calling.broker.wait_for("T.Count", 4);
    }
    SECTION("with calls at once") {
        calling.options.parallel = 2;
        CHECK(calling.run() == 0);
    }
    CHECK(calling.out.str() == "1\n2\n1\n2\n1\n2\n");
}

TEST_CASE("items come before the error that ends a stream") {
    Calling calling{"T.Break", "[2]"};
    CHECK(calling.run() == 1);
    CHECK(calling.out.str() == "1\n2\n");
    CHECK(calling.err.str() == "rpc-call: ABORTED: as you wish\n");
}

TEST_CASE("what is refused and does not stream stays refused") {
    Calling calling{"T.Refuse", "[]"};
    CHECK(calling.run() == 6);
    CHECK(calling.err.str() == "rpc-call: INVALID_ARGUMENT: no\n");
}

TEST_CASE("the timing of a stream is said at its end") {
    Calling calling{"T.Count", "[1]"};
    calling.options.timing = true;
    CHECK(calling.run() == 0);
    CHECK(calling.err.str().starts_with("timing: "));
}

TEST_CASE("a reader that goes ends the stream without a word") {
    Calling calling{"T.Count", "[1000000]"};
    ShortPipe pipe{3};
    std::ostream out{&pipe};
    RpcCaller caller{calling.client, calling.options, [] { return false; }, out, calling.err};
    CHECK(caller.run() == 0);
    CHECK(caller.reader_is_gone());
    CHECK(pipe.text.starts_with("1\n2\n3\n"));
    CHECK(calling.err.str().empty());
    calling.broker.wait_for("rpc.cancel");
}

TEST_CASE("closing the client ends a stream, and tells the broker") {
    Calling calling{"T.Count", "[1000000000]"};
    int status = 0;
    std::thread caller{[&] { status = calling.run(); }};
    calling.broker.wait_for("rpc.credit", 2);  // the first goes out with the first item, before that is printed
    calling.client.close();
    caller.join();
    CHECK(status == 9);
    CHECK(calling.out.str().starts_with("1\n2\n"));
    CHECK(calling.err.str().starts_with("rpc-call: CANCELLED: "));
    calling.broker.wait_for("rpc.cancel");
}

TEST_CASE("nothing is begun once it was interrupted") {
    Calling calling{"T.Echo", "[7]"};
    CHECK(calling.run(true) == 9);
    CHECK(calling.out.str().empty());
}

TEST_CASE("a one-way call prints nothing") {
    Calling calling{"T.Echo", "[7]"};
    calling.options.one_way = true;
    CHECK(calling.run() == 0);
    calling.broker.wait_for("T.Echo");
    CHECK(calling.out.str().empty());
    calling.options.params = "\xc0";
    CHECK(calling.run() == 6);
}
