#include "broker/registration.hpp"

#include <catch2/catch.hpp>

#include "tests/support/broker_bench.hpp"

namespace rpcbroker::broker {
namespace {

using test::json;
using test::pack;

Result<Registration> reading(const char* params) { return read_registration(pack(json::parse(params))); }

/// The error's text, and its code where it is not INVALID_ARGUMENT.
template <class T>
std::string problem(const Result<T>& result) {
    if (result) return "none";
    const Error& error = result.error();
    CHECK(error.by() == By::broker);
    CHECK(error.ran() == Ran::no);
    return error.code() == Code::invalid_argument ? error.message() : error.what();
}

TEST_CASE("registration: everything that a worker can say is read") {
    const auto read =
        reading(R"([{"protocol": 1, "name": "w", "batch": true, "heartbeat": true, "capacity": 7, "new": [1],
        "services": [{"name": "EchoUtil", "methods": [{"name": "CountString", "params": ["text: str"], "result": "int",
            "doc": "counts", "idempotent": true, "stream": true, "later": {}}, {"name": "Echo"}]}]}])");
    REQUIRE(read);
    CHECK(read->name == "w");
    CHECK(read->batch);
    CHECK(read->heartbeat);
    CHECK(read->capacity == 7);
    REQUIRE(read->services.size() == 1);
    CHECK(read->services[0].name == "EchoUtil");
    REQUIRE(read->services[0].methods.size() == 2);
    const auto& method = read->services[0].methods[0];
    CHECK(method.name == "CountString");
    CHECK(method.params == std::vector<std::string>{"text: str"});
    CHECK(method.result == "int");
    CHECK(method.doc == "counts");
    CHECK(method.idempotent);
    CHECK(method.stream);
    CHECK_FALSE(read->services[0].methods[1].idempotent);
}

TEST_CASE("registration: of a method only the name must be there, of a worker nothing") {
    const auto read = reading("[{}]");
    REQUIRE(read);
    CHECK(read->capacity == 1);
    CHECK_FALSE(read->heartbeat);
    CHECK(read->services.empty());
}

TEST_CASE("registration: a capacity beyond all measure is the largest there is") {
    CHECK(reading(R"([{"capacity": 18446744073709551615}])")->capacity == max_capacity);
    CHECK(reading(R"([{"capacity": 0}])")->capacity == 0);
}

TEST_CASE("registration: what does not fit is named, with what was expected and what came") {
    const auto [params, expected] = GENERATE(table<const char*, std::string>({
        {"[]", "rpc.register: expected one parameter, a map"},
        {"[{}, {}]", "rpc.register: expected one parameter, a map"},
        {"[3]", "rpc.register: expected map, got int"},
        {R"([{"name": 3}])", "rpc.register, name: expected str (UTF-8, up to 255 bytes), got int"},
        {R"([{"capacity": -1}])", "rpc.register, capacity: expected an unsigned int, got int"},
        {R"([{"capacity": "many"}])", "rpc.register, capacity: expected an unsigned int, got str"},
        {R"([{"batch": 1}])", "rpc.register, batch: expected bool, got int"},
        {R"([{"heartbeat": null}])", "rpc.register, heartbeat: expected bool, got nil"},
        {R"([{"services": {}}])", "rpc.register, services: expected list of maps, got map"},
        {R"([{"services": ["S"]}])", "service: expected map, got str"},
        {R"([{"services": [{"name": "S", "methods": 1}]}])", "service, methods: expected list of maps, got int"},
        {R"([{"services": [{"name": "S", "methods": ["m"]}]}])", "method: expected map, got str"},
        {R"([{"services": [{"name": "S", "methods": [{"name": 1}]}]}])",
         "method, name: expected str (UTF-8, up to 255 bytes), got int"},
        {R"([{"services": [{"name": "S", "methods": [{"name": "m", "params": "int"}]}]}])",
         "method, params: expected list of str (UTF-8, up to 255 bytes each), got str"},
        {R"([{"services": [{"name": "S", "methods": [{"name": "m", "params": ["int", 5]}]}]}])",
         "method, params: expected list of str (UTF-8, up to 255 bytes each), got list holding int"},
        {R"([{"services": [{"name": "S", "methods": [{"name": "m", "idempotent": "yes"}]}]}])",
         "method, idempotent: expected bool, got str"},
        {R"([{"services": [{"name": "rpc"}]}])", "service rpc: the name is the broker's own; choose another"},
        {R"([{"services": [{"name": ""}]}])",
         "service \"\": expected a name of 1 to 253 bytes, without control characters"},
        {R"([{"services": [{"methods": []}]}])",
         "service \"\": expected a name of 1 to 253 bytes, without control characters"},
        {R"([{"services": [{"name": "S", "methods": [{}]}]}])",
         "service \"S\", method \"\": expected names that make Service.Method, 3 to 255 bytes, without control "
         "characters"},
        {R"([{"services": [{"name": "S", "methods": [{"name": "a.b"}]}]}])",
         "service \"S\", method \"a.b\": expected names that make Service.Method, 3 to 255 bytes, without control "
         "characters"},
        {R"([{"services": [{"name": "S"}, {"name": "S"}]}])", "service S: is listed twice"},
        {R"([{"protocol": 2}])", "FAILED_PRECONDITION: protocol 2 is not spoken here; this broker speaks protocol 1"},
        {R"([{"protocol": "1"}])", "rpc.register, protocol: expected an unsigned int, got str"},
    }));
    CHECK(problem(reading(params)) == expected);
}

TEST_CASE("registration: another version of the protocol counts for more than what follows it") {
    CHECK(problem(reading(R"([{"protocol": 2, "zeal": 1, "zone": 2, "services": "otherwise"}])"))
              .starts_with("FAILED_PRECONDITION"));
}

TEST_CASE("registration: names and texts have a length, and are UTF-8") {
    const auto named = [](const std::string& name) { return read_registration(pack(json::array({{{"name", name}}}))); };
    CHECK(named(std::string(255, 'n')));
    CHECK(problem(named(std::string(256, 'n'))) ==
          "rpc.register, name: expected str (UTF-8, up to 255 bytes), got str");
    CHECK(problem(named("\xff")) == "rpc.register, name: expected str (UTF-8, up to 255 bytes), got str");
}

TEST_CASE("registration: keys are str") {
    CHECK(problem(read_registration("\x91\x81\x01\x02")) == "rpc.register: expected a str as key, got int");
}

TEST_CASE("registration: a list has an end") {
    auto params = json::array();
    for (int i = 0; i < 4097; ++i) params.push_back("int");
    const auto read = [&] {
        return read_registration(
            pack(json::array({{{"services", {{{"name", "S"}, {"methods", {{{"name", "m"}, {"params", params}}}}}}}}})));
    };
    CHECK_FALSE(read());
    params.erase(0);
    CHECK(read());
}

TEST_CASE("hello: all keys may be missing, and unknown ones are passed over") {
    const auto empty = read_hello(pack(json::array()));
    REQUIRE(empty);
    CHECK_FALSE(empty->batch);
    CHECK_FALSE(empty->heartbeat);
    const auto full =
        read_hello(pack(json::parse(R"([{"protocol": 1, "batch": true, "heartbeat": true, "name": "me", "x": 1}])")));
    REQUIRE(full);
    CHECK(full->batch);
    CHECK(full->heartbeat);
    CHECK(full->name == "me");
}

TEST_CASE("hello: what does not fit is named") {
    const auto hello = [](const char* params) { return problem(read_hello(pack(json::parse(params)))); };
    CHECK(hello("[1]") == "rpc.hello: expected map, got int");
    CHECK(hello("[{}, 1]") == "rpc.hello: expected one parameter, a map");
    CHECK(hello(R"([{"batch": "yes"}])") == "rpc.hello, batch: expected bool, got str");
    CHECK(hello(R"([{"protocol": -1}])") == "rpc.hello, protocol: expected an unsigned int, got int");
    CHECK(hello(R"([{"protocol": 7}])") ==
          "FAILED_PRECONDITION: protocol 7 is not spoken here; this broker speaks protocol 1");
}

TEST_CASE("heartbeat: a worker may announce its capacity") {
    const auto capacity = [](const char* params) { return read_heartbeat(pack(json::parse(params))); };
    CHECK_FALSE(capacity("[]")->has_value());
    CHECK_FALSE(capacity("[{}]")->has_value());
    CHECK(**capacity(R"([{"capacity": 5, "load": 0.5}])") == 5);
    CHECK(problem(capacity(R"([{"capacity": "5"}])")) == "rpc.heartbeat, capacity: expected an unsigned int, got str");
    CHECK(problem(capacity("[5]")) == "rpc.heartbeat: expected map, got int");
}

}  // namespace
}  // namespace rpcbroker::broker
