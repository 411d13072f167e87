// The gateway's loop and the client's threads together, over real sockets, with a broker and a worker in the same process:
// for the thread sanitizer.
#include "gateway/server.hpp"

#include <array>
#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <boost/asio/post.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>

#include <catch2/catch.hpp>

#include <rpcbroker/broker.hpp>
#include <rpcbroker/worker.hpp>

#include "tests/support/running.hpp"
#include "worker/echo_util.hpp"

namespace rpcbroker::test {
namespace {

using namespace std::chrono_literals;
using boost::asio::ip::tcp;

constexpr int threads = 6;
constexpr int most_calls = 3 * threads;  // that hold a thread of the worker at once, and wait for others of them

struct World {
    explicit World(const GatewaySettings& settings = {})
        : broker({.frontends = {"tcp://127.0.0.1:0"}, .backends = {"tcp://127.0.0.1:0"}}),
          running_broker(broker),
          worker({.brokers = {broker.backends().front()}, .name = "inside", .threads = most_calls}),
          running_worker((echo_util::serve(worker.service("EchoUtil")), worker)),
          server(loop, {boost::asio::ip::make_address("127.0.0.1"), 0}, by(broker), settings),
          port(server.endpoint().port()),
          thread([this] { loop.run(); }) {}
    World(const World&) = delete;
    World& operator=(const World&) = delete;
    ~World() {
        stop(0ms);
        thread.join();
    }

    static ClientOptions by(const Broker& broker) { return {.brokers = {broker.frontends().front()}}; }
    void stop(std::chrono::milliseconds grace) {
        boost::asio::post(loop, [this, grace] { server.stop(grace); });
    }

    Broker broker;
    Running<Broker> running_broker;
    Worker worker;
    Running<Worker> running_worker;
    boost::asio::io_context loop{1};
    Server server;
    std::uint16_t port;
    std::thread thread;
};

/// A client that waits for what it asked.
class Talk {
public:
    explicit Talk(const World& world) { socket_.connect({boost::asio::ip::make_address("127.0.0.1"), world.port}); }

    void post(std::string_view method, std::string_view body) {
        boost::asio::write(socket_, boost::asio::buffer("POST /call/EchoUtil." + std::string{method} +
                                                        " HTTP/1.1\r\nHost: localhost\r\nContent-Length: " +
                                                        std::to_string(body.size()) + "\r\n\r\n" + std::string{body}));
    }
    /// Says that so many bytes of parameters come, and sends some of them.
    void begin_post(std::size_t size, std::size_t sent) {
        boost::asio::write(socket_,
                           boost::asio::buffer("POST /call/EchoUtil.CountString HTTP/1.1\r\nHost: localhost\r\n"
                                               "Content-Length: " +
                                               std::to_string(size) + "\r\n\r\n" + std::string(sent, ' ')));
    }
    void get(const std::string& path) {
        send("GET " + path + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    }
    void send(std::string_view bytes) { boost::asio::write(socket_, boost::asio::buffer(bytes)); }
    /// Whether so many of them came before the connection ended.
    bool read(std::string_view wanted, int count) {
        std::array<char, 4096> some{};
        boost::system::error_code error;
        while (!error) {
            for (auto at = came_.find(wanted); count > 0 && at != std::string::npos; at = came_.find(wanted), --count)
                came_.erase(0, at + wanted.size());
            if (count == 0) return true;
            came_.append(some.data(), socket_.read_some(boost::asio::buffer(some), error));
        }
        return false;
    }

private:
    boost::asio::io_context loop_;
    tcp::socket socket_{loop_};
    std::string came_;
};

template <class F>
void on_threads(F run) {
    std::vector<std::thread> running;
    for (int i = 0; i < threads; ++i) running.emplace_back(run);
    for (auto& thread : running) thread.join();
}

TEST_CASE("a server answers many connections at once") {
    World world;
    std::atomic<int> right = 0;
    on_threads([&] {
        Talk talk{world};
        for (int round = 0; round < 20; ++round) {
            for (int i = 0; i < 10; ++i) talk.post("CountString", R"(["this is test"])");
            right += talk.read("\r\n\r\n3\n", 10) ? 10 : 0;
        }
    });
    CHECK(right == threads * 200);
}

TEST_CASE("a server's clients read streams, or hang up in the middle of them and of calls") {
    World world;
    std::atomic<int> right = 0;
    on_threads([&] {
        for (int round = 0; round < 5; ++round) {
            Talk reader{world};
            reader.post("Range", "[500]");
            Talk hangs_up{world};
            hangs_up.post("Range", "[1000000000]");
            Talk forgets{world};
            forgets.post("Sleep", "[600000]");
            right += hangs_up.read(R"({"item":)", 10) && reader.read(R"({"result":500})", 1) ? 1 : 0;
        }
    });
    CHECK(right == threads * 5);
    Talk talk{world};
    talk.post("CountString", R"(["sss"])");
    CHECK(talk.read("\r\n\r\n3\n", 1));
}

TEST_CASE("a server that stops ends the calls that are under way") {
    World world;
    Talk talk{world};
    talk.post("Sleep", "[300]");
    Talk other{world};
    other.post("CountString", R"(["sss"])");
    REQUIRE(other.read("\r\n\r\n3\n", 1));
    world.stop(10s);
    CHECK(talk.read("\r\n\r\n300\n", 1));
}

TEST_CASE("of those who hold too much together, the one who holds most is told so, and the others are served") {
    GatewaySettings settings;
    settings.limits.held = 500'000;
    World world{settings};
    constexpr std::string_view end = R"(["this is test"])";
    Talk modest{world};
    modest.begin_post(200'000 + end.size(), 200'000);
    Talk greedy{world};
    greedy.begin_post(10'000'000, 400'000);
    CHECK(greedy.read("HTTP/1.1 503 ", 1));
    CHECK(greedy.read("the gateway holds too much", 1));
    modest.send(end);
    CHECK(modest.read("\r\n\r\n3\n", 1));
    Talk asks{world};
    asks.get("/metrics");
    CHECK(asks.read("rpc_gateway_connections_cut_total{reason=\"memory\"} 1", 1));
}

TEST_CASE("who does not read what it asked for holds it") {
    GatewaySettings settings;
    settings.limits.held = 100'000;
    World world{settings};
    std::thread deaf{[&world] {
        Talk talk{world};
        const std::string text(1'000'000, 'a');
        try {
            while (true) talk.post("Echo", "[\"" + text + "\"]");
        } catch (const boost::system::system_error&) {  // it was cut
        }
    }};
    bool cut = false;
    for (const auto end = Clock::now() + 20s; !cut && Clock::now() < end;) {
        Talk asks{world};
        asks.get("/metrics");
        cut = asks.read("rpc_gateway_connections_cut_total{reason=\"memory\"} 1", 1);
    }
    CHECK(cut);
    deaf.join();
}

TEST_CASE("a server that ends with calls under way leaves nothing behind that calls it") {
    auto world = std::make_unique<World>();
    Talk one{*world};
    Talk other{*world};
    for (auto* talk : {&one, &other}) talk->post("Sleep", "[60000]");
    Talk asks{*world};
    asks.post("CountString", R"(["this is test"])");
    CHECK(asks.read("\r\n\r\n3\n", 1));  // so those before it have been read
    world.reset();                       // while all of them are connected
}

}  // namespace
}  // namespace rpcbroker::test
