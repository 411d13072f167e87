// The parameters that rpc-call sends, and the listings that it prints.
#include <catch2/catch.hpp>

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include <rpcbroker/pack.hpp>

#include "client/json_msgpack.hpp"
#include "client/listing.hpp"
#include "client/parameters.hpp"

using namespace rpcbroker;

namespace {

/// A file for the length of a test.
class TemporaryFile {
public:
    explicit TemporaryFile(const std::string& content)
        : path_(std::filesystem::temp_directory_path() /
                ("rpcbroker_" + std::to_string(::getpid()) + "_" + std::to_string(++made_))) {
        std::ofstream{path_, std::ios::binary} << content;
    }
    ~TemporaryFile() { std::filesystem::remove(path_); }
    TemporaryFile(const TemporaryFile&) = delete;
    TemporaryFile& operator=(const TemporaryFile&) = delete;
    [[nodiscard]] std::string argument() const { return "@" + path_.string(); }

private:
    inline static int made_ = 0;
    std::filesystem::path path_;
};

Result<std::string> packed(const std::vector<std::string>& arguments, const std::string& input = {}) {
    std::istringstream stream{input};
    return pack_arguments(arguments, stream);
}

std::string shown(const std::vector<std::string>& arguments, const std::string& input = {}) {
    return msgpack_to_json(packed(arguments, input).value());
}

Result<std::string> packed_json(const std::string& json, const std::string& input = {}) {
    std::istringstream stream{input};
    return pack_json_parameters(json, stream);
}

std::string list(std::string_view json) { return list_services(json_to_msgpack(json).value()).value(); }

}  // namespace

TEST_CASE("an argument is JSON where it is valid JSON, else a string") {
    CHECK(shown({}) == "[]");
    CHECK(shown({"12", "a b", "{\"a\":1}", "{a", "", "null", "@"}) == R"([12,"a b",{"a":1},"{a","",null,"@"])");
    CHECK(packed({"\xff"}).value() == "\x91\xc4\x01\xff");
}

TEST_CASE("arguments can be taken as they stand") {
    CHECK(msgpack_to_json(pack_strings({"12", "@x", "-", "@@x"})) == R"(["12","@x","-","@@x"])");
}

TEST_CASE("an argument is a file's content, or standard input") {
    const TemporaryFile text{"12\n"};
    CHECK(shown({text.argument(), "-", "@@x"}, "in") == R"(["12\n","in","@x"])");
    const TemporaryFile binary{"\xff"};
    CHECK(packed({binary.argument()}).value() == "\x91\xc4\x01\xff");
    const TemporaryFile empty{""};
    CHECK(shown({empty.argument()}) == R"([""])");
}

TEST_CASE("what cannot be read is named") {
    CHECK(packed({"@/nonexistent/file"}).error().message() == "@/nonexistent/file: No such file or directory");
    CHECK(packed({"@/"}).error().message() == "@/: Is a directory");
    CHECK_FALSE(packed({"-", "-"}).has_value());
}

TEST_CASE("all parameters can be given as one array") {
    CHECK(msgpack_to_json(packed_json("[1,\"a\"]").value()) == R"([1,"a"])");
    CHECK(msgpack_to_json(packed_json("-", "[2]").value()) == "[2]");
    const TemporaryFile file{"[3]"};
    CHECK(msgpack_to_json(packed_json(file.argument()).value()) == "[3]");
    CHECK(packed_json("{}").error().message() == "--json: all parameters are wanted, as one array: try '[{}]'");
    CHECK_FALSE(packed_json("[").has_value());
    CHECK_FALSE(packed_json("@/nonexistent").has_value());
}

TEST_CASE("services are listed with their methods") {
    CHECK(list("[]") == "no worker has registered a service\n");
    CHECK(list(R"([{"name": "A", "workers": 1, "queued": 2, "in_flight": 3, "methods": [
                     {"name": "Short", "params": [], "result": "nil"},
                     {"name": "Longer", "params": ["text: str", "int"], "result": "int", "doc": "what it does"},
                     {"name": "Items", "params": [], "result": "int", "stream": true}, 7]},
                   {"name": "B", "workers": 0}])") ==
          "A   1 worker, 2 queued, 3 in flight\n"
          "  Short()\n"
          "  Longer(text: str, int) -> int   what it does\n"
          "  Items() -> stream of int\n"
          "\n"
          "B   0 workers, 0 queued, 0 in flight\n");
}

TEST_CASE("full names of methods are listed a line each") {
    const auto names = [](std::string_view json) { return list_names(json_to_msgpack(json).value()); };
    CHECK(names("[]").value().empty());
    CHECK(
        names(
            R"([{"name": "A", "methods": [{"name": "X"}, {"name": "Y"}]}, {"name": "b.C", "methods": [{"name": "Z"}]}])")
            .value() == "A.X\nA.Y\nb.C.Z\n");
    CHECK(names("[1]").error().code() == Code::internal);
}

TEST_CASE("a method is described") {
    const auto entry = json_to_msgpack(R"({"name": "N", "params": ["int"], "result": "str", "doc": "does it",
                                           "idempotent": true, "calls": 3, "errors": 1})");
    CHECK(describe_method("S.N", *entry).value() ==
          "S.N(int) -> str\n"
          "    does it\n"
          "    idempotent  yes\n"
          "    calls       3\n"
          "    errors      1\n");
}

TEST_CASE("what is no listing is INTERNAL") {
    CHECK(list_services("\x01").error().code() == Code::internal);
    CHECK(list_services("\x91\x01").error().code() == Code::internal);
    CHECK(describe_method("S.N", "\xc0").error().code() == Code::internal);
}

TEST_CASE("what strangers wrote cannot move a terminal's cursor") {
    CHECK(list("[{\"name\": \"\\u001b\"}]").rfind("\\x1b", 0) == 0);
}
