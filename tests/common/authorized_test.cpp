#include <rpcbroker/authorized.hpp>

#include <catch2/catch.hpp>

using namespace rpcbroker;

namespace {

const std::string key_a = "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID";
const std::string key_b = "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7";

Rights rights(std::initializer_list<std::string_view> patterns) {
    Rights result;
    for (const auto pattern : patterns) REQUIRE(result.add(pattern).empty());
    return result;
}

std::string problem(std::string_view text) {
    const auto keys = parse_authorized(text);
    REQUIRE(!keys);
    CHECK(keys.error().code() == Code::invalid_argument);
    return keys.error().message();
}

}  // namespace

TEST_CASE("nothing is allowed that is not said") {
    CHECK(!Rights{}.allow("EchoUtil.Echo"));
    CHECK(!Rights{}.allow(""));
    CHECK(Rights::everything().allow("EchoUtil.Echo"));
}

TEST_CASE("a method that is named is allowed, and no other") {
    const auto some = rights({"EchoUtil.Echo", "Billing.Total"});
    CHECK(some.allow("EchoUtil.Echo"));
    CHECK(some.allow("Billing.Total"));
    for (const auto* other :
         {"EchoUtil.Echo2", "EchoUtil.Ech", "EchoUtil.echo", "EchoUtil.Total", "X.EchoUtil.Echo", "Echo"})
        CHECK(!some.allow(other));
}

TEST_CASE("a service that is named is that one, and not those whose names begin alike") {
    const auto some = rights({"EchoUtil.*", "a.b.*"});
    CHECK(some.allow("EchoUtil.Echo"));
    CHECK(some.allow("EchoUtil.*"));
    CHECK(some.allow("a.b.c"));
    for (const auto* other : {"EchoUtil2.Echo", "EchoUtil.Sub.Echo", "a.c", "a.b", "a.b.c.d", "EchoUtil"})
        CHECK(!some.allow(other));
}

TEST_CASE("a star alone is everything") {
    CHECK(rights({"*"}).allow("Any.Thing"));
    CHECK(rights({"Other.*", "*"}).allow("Any.Thing"));
}

TEST_CASE("a star is a whole method, or everything") {
    for (const auto* bad : {"Echo*.Echo", "EchoUtil.E*", "*.Echo", "*.*", "a.*.b", "EchoUtil.**"}) {
        Rights some;
        CHECK(some.add(bad).starts_with("* stands for"));
        CHECK(some == Rights{});
    }
}

TEST_CASE("what is no method is no pattern") {
    for (const auto* bad : {"", "EchoUtil", "EchoUtil.", ".Echo", "**", "a.\xff"}) {
        Rights some;
        CHECK(some.add(bad).starts_with("expected"));
        CHECK(some == Rights{});
    }
    Rights some;
    CHECK(some.add("rpc.drain").find("goes by the role") != std::string::npos);
    CHECK(some.add("rpc.*").find("goes by the role") != std::string::npos);
    CHECK(some.add(std::string(300, 'a') + ".b").starts_with("expected"));
}

TEST_CASE("the order of patterns means nothing") {
    CHECK(rights({"a.b", "c.d", "a.b"}) == rights({"c.d", "a.b"}));
    CHECK(rights({"a.b"}) != rights({"a.*"}));
}

TEST_CASE("a file of keys is read") {
    const auto keys = parse_authorized("# who may come in\n\nalice  client\t" + key_a +
                                       " EchoUtil.* Billing.Total\r\n" + "worker-1 worker " + key_b + " EchoUtil.*");
    REQUIRE(keys);
    REQUIRE(keys->size() == 2);
    CHECK(keys->front() == AuthorizedKey{"alice", Role::client, key_a, rights({"EchoUtil.*", "Billing.Total"})});
    CHECK(keys->back() == AuthorizedKey{"worker-1", Role::worker, key_b, rights({"EchoUtil.*"})});
}

TEST_CASE("an empty file lets nobody in") {
    CHECK(parse_authorized("")->empty());
    CHECK(parse_authorized("\n# nobody\n")->empty());
}

TEST_CASE("a key may be allowed nothing, and two keys may have one name") {
    const auto keys = parse_authorized("ops admin " + key_a + "\nops client " + key_b);
    REQUIRE(keys);
    CHECK(keys->front().role == Role::admin);
    CHECK(keys->front().rights == Rights{});
    CHECK(name_of(keys->front().role) == "admin");
    CHECK(name_of(Role::client) == "client");
    CHECK(name_of(Role::worker) == "worker");
}

TEST_CASE("what is wrong is said with its line and its place") {
    CHECK(problem("alice").starts_with("line 1: expected a name, client"));
    CHECK(problem("\nalice client\n").starts_with("line 2: expected a name, client"));
    CHECK(problem("-x client " + key_a).starts_with("line 1: name: up to 64"));
    CHECK(
        problem("alice guest " + key_a).starts_with("line 1: role, the second word: expected client, worker or admin"));
    CHECK(problem("alice Client " + key_a).starts_with("line 1: role"));
    CHECK(problem("alice client abc") == "line 1: public key, the third word: a key has 40 characters, this one has 3");
    CHECK(problem("alice client " + key_a + " a.b Echo*.c").starts_with("line 1: pattern 2: * stands for"));
    CHECK(problem("alice client " + key_a + " # all").starts_with("line 1: pattern 1: expected"));
    CHECK(problem("a client " + key_a + "\n\nb worker " + key_a) == "line 3: this public key stands in line 1 already");
}

TEST_CASE("what is wrong is not shown, as it may be secret") {
    const auto words = {key_a + " client alice", "alice " + key_a + " client", "alice client " + key_b + " " + key_a};
    for (const auto& text : words) CHECK(problem(text).find(key_a) == std::string::npos);
}
