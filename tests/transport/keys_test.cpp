// Pairs of keys, and the files that hold them.
#include <rpcbroker/keys.hpp>

#include <sys/stat.h>

#include <fstream>

#include <catch2/catch.hpp>

#include "common/key_text.hpp"
#include "tests/transport/support.hpp"

namespace rpcbroker::transport::test {
namespace {

std::string write(const std::string& path, const std::string& text, mode_t mode) {
    std::ofstream(path) << text;
    REQUIRE(::chmod(path.c_str(), mode) == 0);
    return path;
}

std::string problem(const std::string& path, Code code) {
    const auto pair = read_secret_key(path);
    REQUIRE(!pair);
    CHECK(pair.error().code() == code);
    CHECK(pair.error().message().starts_with(path + ": "));
    return pair.error().message();
}

TEST_CASE("each pair of keys is another one") {
    const auto one = make_key_pair();
    const auto other = make_key_pair();
    for (const auto& key : {one.public_key, one.secret_key, other.public_key, other.secret_key}) CHECK(is_key(key));
    CHECK(one.public_key != other.public_key);
    CHECK(one.secret_key != other.secret_key);
}

TEST_CASE("a pair is read back from the file of its secret key") {
    const Directory directory;
    const auto pair = make_key_pair();
    const auto text = write_key_file("alice", pair.secret_key, KeyKind::secret);
    for (const mode_t mode : {0600U, 0400U}) {
        const auto read = read_secret_key(write(directory.file("alice.key"), text, mode));
        REQUIRE(read);
        CHECK(read->public_key == pair.public_key);
        CHECK(read->secret_key == pair.secret_key);
    }
    const auto shared = write_key_file("alice", pair.public_key, KeyKind::public_one);
    CHECK(*read_public_key(write(directory.file("alice.pub"), shared, 0644)) == pair.public_key);
}

TEST_CASE("a secret key that others than its owner may use is refused") {
    const Directory directory;
    const auto text = write_key_file("alice", make_key_pair().secret_key, KeyKind::secret);
    for (const mode_t mode : {0640U, 0604U, 0620U, 0602U, 0610U, 0601U}) {
        const auto told = problem(write(directory.file("alice.key"), text, mode), Code::permission_denied);
        CHECK(told.find("chmod 600") != std::string::npos);
    }
    CHECK(problem(write(directory.file("alice.key"), text, 0644), Code::permission_denied).find("(mode 0644)") !=
          std::string::npos);
}

TEST_CASE("what is no key file is refused") {
    const Directory directory;
    problem(directory.file("missing"), Code::not_found);
    REQUIRE(::mkdir(directory.file("folder").c_str(), 0700) == 0);
    problem(directory.file("folder"), Code::invalid_argument);
    REQUIRE(::mkfifo(directory.file("pipe").c_str(), 0600) == 0);
    problem(directory.file("pipe"), Code::invalid_argument);
    problem(write(directory.file("long"), std::string(5000, '\n'), 0600), Code::invalid_argument);
    const auto told = problem(write(directory.file("short"), "# x\nsecret-key abc\n", 0600), Code::invalid_argument);
    CHECK(told.find("line 2: a key has 40 characters, this one has 3") != std::string::npos);
}

}  // namespace
}  // namespace rpcbroker::transport::test
