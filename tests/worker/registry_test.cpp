#include "worker/registry.hpp"

#include <catch2/catch.hpp>

#include <stdexcept>

#include "tests/worker/show.hpp"

using namespace rpcbroker;
using namespace rpcbroker::test;

namespace {

int add(int a, int b) { return a + b; }

}  // namespace

TEST_CASE("methods are found by their full names") {
    Registry registry;
    registry.service("Math").method("Add", add);
    CHECK(registry.find("Math.Add") != nullptr);
    CHECK(registry.find("Math.add") == nullptr);
    CHECK(registry.find("Add") == nullptr);
    CHECK(registry.find("") == nullptr);
    CHECK(registry.has_service("Math"));
    CHECK_FALSE(registry.has_service("Mat"));
}

TEST_CASE("a service is made on first use") {
    Registry registry;
    auto& service = registry.service("Math");
    CHECK(&registry.service("Math") == &service);
    CHECK(service.name() == "Math");
    registry.service("Math").method("Add", add);
    CHECK(registry.find("Math.Add") != nullptr);
}

TEST_CASE("a service's name may have dots") {
    Registry registry;
    registry.service("company.Math").method("Add", add);
    CHECK(registry.find("company.Math.Add") != nullptr);
}

TEST_CASE("names that cannot be called are refused") {
    Registry registry;
    for (const auto* name : {"", "rpc", "tab\there", "\xff"})
        CHECK_THROWS_AS(registry.service(name), std::invalid_argument);
    auto& service = registry.service("Math");
    for (const auto* name : {"", "a.b", "new\nline"}) CHECK_THROWS_AS(service.method(name, add), std::invalid_argument);
    CHECK_THROWS_AS(service.method(std::string(300, 'x'), add), std::invalid_argument);
}

TEST_CASE("a name is taken once") {
    Registry registry;
    registry.service("Math").method("Add", add);
    CHECK_THROWS_WITH(registry.service("Math").method("Add", add), "there is a method Math.Add already");
}

TEST_CASE("either all parameters have names or none") {
    Registry registry;
    auto& service = registry.service("Math");
    CHECK_THROWS_WITH(service.method("Add", add, {.params = {"a"}}), "Math.Add has 2 parameters, but names for 1");
    service.method("Add", add, {.params = {"a", "b"}});
}

TEST_CASE("what is registered is described by its C++ types") {
    Registry registry;
    CHECK(show_packed(registry.describe()) == "[]");
    registry.service("Math").method("Add", add, {.doc = "the sum", .params = {"a", "b"}, .idempotent = true});
    registry.service("Empty");
    registry.service("Text").method("Split", [](Context&, std::string_view) { return std::vector<std::string>{}; });
    CHECK(show_packed(registry.describe()) ==
          R"([{"name": "Empty", "methods": []}, )"
          R"({"name": "Math", "methods": [{"name": "Add", "params": ["a: int", "b: int"], "result": "int", )"
          R"("doc": "the sum", "idempotent": true, "stream": false}]}, )"
          R"({"name": "Text", "methods": [{"name": "Split", "params": ["str"], "result": "list<str>", )"
          R"("doc": "", "idempotent": false, "stream": false}]}])");
}
