#include "common/key_text.hpp"

#include <catch2/catch.hpp>

using namespace rpcbroker;

namespace {

// Of ZeroMQ's own documentation (zmq_curve).
const std::string public_key = "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID";
const std::string secret_key = "D:)Q[IlAW!ahhC2ac:9*A}h:p?([4%wOTJ%JR%cs";

std::string problem(std::string_view text, KeyKind wanted = KeyKind::secret) {
    const auto key = parse_key_file(text, wanted);
    REQUIRE(!key);
    CHECK(key.error().code() == Code::invalid_argument);
    CHECK(key.error().message().find(secret_key) == std::string::npos);
    return key.error().message();
}

}  // namespace

TEST_CASE("a key is 40 characters of Z85") {
    CHECK(is_key(public_key));
    CHECK(is_key(secret_key));
    CHECK(!is_key(""));
    CHECK(!is_key(public_key.substr(1)));
    CHECK(!is_key(public_key + "0"));
    for (const char wrong : {' ', '"', '\\', ',', ';', '\'', '~', '\0', '\x7f', '\xc3'})
        CHECK(!is_key(public_key.substr(0, 39) + wrong));
}

TEST_CASE("five characters of a key are no more than four bytes hold") {
    const std::string zeros(35, '0');
    CHECK(is_key("%nSc0" + zeros));   // 2^32 - 1
    CHECK(!is_key("%nSc1" + zeros));  // 2^32
    CHECK(!is_key("#####" + zeros));
    CHECK(!is_key(zeros + "#####"));
}

TEST_CASE("what is wrong with a key is said without showing it") {
    CHECK(problem_with_key(secret_key).empty());
    CHECK(problem_with_key("abc") == "a key has 40 characters, this one has 3");
    CHECK(problem_with_key(secret_key.substr(0, 39) + "~").starts_with("this is no key"));
}

TEST_CASE("the name of a key is a word that needs no quoting") {
    for (const auto* good : {"alice", "worker-1", "alice@example.org", "A_9.b", "7"}) CHECK(is_key_name(good));
    for (const auto* bad : {"", "-a", ".a", "_a", "a b", "a/b", "a\n", "\xc3\xa9", "a,b"}) CHECK(!is_key_name(bad));
    CHECK(is_key_name(std::string(64, 'a')));
    CHECK(!is_key_name(std::string(65, 'a')));
}

TEST_CASE("what is written to a key file is read from it") {
    const auto secret = write_key_file("alice", secret_key, KeyKind::secret);
    CHECK(*parse_key_file(secret, KeyKind::secret) == secret_key);
    const auto shared = write_key_file("alice", public_key, KeyKind::public_one);
    CHECK(*parse_key_file(shared, KeyKind::public_one) == public_key);
    CHECK(shared.find("alice") != std::string::npos);
}

TEST_CASE("a # in a key begins no comment") {
    const std::string key = "0#" + public_key.substr(2);
    CHECK(*parse_key_file("public-key " + key + "\n", KeyKind::public_one) == key);
}

TEST_CASE("what is wrong with a key file is said with its line") {
    const std::string good = "secret-key " + secret_key + "\n";
    CHECK(problem("") == "line 1: expected \"secret-key\" and a key, as rpc-keygen writes it");
    CHECK(problem("# nothing\n\n").starts_with("line 3: expected"));
    CHECK(problem(secret_key).starts_with("line 1: expected"));
    CHECK(problem("secret-key\n").starts_with("line 1: expected"));
    CHECK(problem("secret-key " + secret_key + " more").starts_with("line 1: expected"));
    CHECK(problem("# one\nsecret-key abc\n") == "line 2: a key has 40 characters, this one has 3");
    CHECK(problem(good + good) == "line 2: a second key; a file holds one");
    CHECK(problem(good + "name x\n").starts_with("line 2: expected"));
}

TEST_CASE("the public key is not taken for the secret one, nor the other way round") {
    CHECK(problem("public-key " + public_key).starts_with("line 1: this is a public-key, and a secret-key is wanted"));
    CHECK(problem("secret-key " + secret_key, KeyKind::public_one)
              .starts_with("line 1: this is a secret-key, and a public-key is wanted"));
}
