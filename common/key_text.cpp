#include "common/key_text.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include <rpcbroker/keys.hpp>

#include "common/lines.hpp"

namespace rpcbroker {
namespace {

// Z85 (ZeroMQ RFC 32): five characters are a number to the base of 85, and four bytes.
constexpr std::string_view z85 =
    "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#";
constexpr std::size_t characters_a_number = 5;

bool is_number(std::string_view characters) noexcept {
    std::uint64_t value = 0;
    for (const char character : characters) {
        const auto digit = z85.find(character);
        if (digit == std::string_view::npos) return false;
        value = value * z85.size() + digit;
    }
    return value <= UINT32_MAX;
}

bool is_alphanumeric(char c) noexcept {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

std::string_view word_of(KeyKind kind) noexcept { return kind == KeyKind::secret ? "secret-key" : "public-key"; }

Error wrong(std::size_t line, std::string_view problem) {
    return {Code::invalid_argument, "line " + std::to_string(line) + ": " + std::string(problem)};
}

std::string expected(KeyKind wanted) {
    return "expected \"" + std::string(word_of(wanted)) + "\" and a key, as rpc-keygen writes it";
}

}  // namespace

void wipe(std::string& text) noexcept {
    ::explicit_bzero(text.data(), text.capacity());
    text.clear();
}

KeyPair::KeyPair(std::string shared, std::string secret)
    : public_key(std::move(shared)), secret_key(std::move(secret)) {}

KeyPair::~KeyPair() { forget_secret(); }

void KeyPair::forget_secret() noexcept { wipe(secret_key); }

bool is_key(std::string_view text) noexcept {
    if (text.size() != key_characters) return false;
    for (; !text.empty(); text.remove_prefix(characters_a_number))
        if (!is_number(text.substr(0, characters_a_number))) return false;
    return true;
}

std::string problem_with_key(std::string_view text) {
    if (text.size() != key_characters)
        return "a key has " + std::to_string(key_characters) + " characters, this one has " +
               std::to_string(text.size());
    return is_key(text) ? "" : "this is no key: a character is not of Z85, or five of them are too large a number";
}

bool is_key_name(std::string_view text) noexcept {
    if (text.empty() || text.size() > max_key_name || !is_alphanumeric(text.front())) return false;
    return std::ranges::all_of(
        text, [](char c) { return is_alphanumeric(c) || c == '.' || c == '_' || c == '@' || c == '-'; });
}

Result<std::string> parse_key_file(std::string_view text, KeyKind wanted) {
    const KeyKind other = wanted == KeyKind::secret ? KeyKind::public_one : KeyKind::secret;
    std::string key;
    Lines lines(text);
    while (const auto words = lines.next()) {
        if (words->front() == word_of(other))
            return wrong(lines.number(), "this is a " + std::string(word_of(other)) + ", and a " +
                                             std::string(word_of(wanted)) + " is wanted: NAME.key holds the secret " +
                                             "one, NAME.pub the public one");
        if (words->front() != word_of(wanted) || words->size() != 2) return wrong(lines.number(), expected(wanted));
        if (!key.empty()) return wrong(lines.number(), "a second key; a file holds one");
        if (const auto problem = problem_with_key((*words)[1]); !problem.empty()) return wrong(lines.number(), problem);
        key = (*words)[1];
    }
    if (key.empty()) return wrong(lines.number() + 1, expected(wanted));
    return key;
}

std::string write_key_file(std::string_view name, std::string_view key, KeyKind kind) {
    std::string text = kind == KeyKind::secret ? "# The secret key of " : "# The public key of ";
    text.append(name);
    text += kind == KeyKind::secret ? ". Whoever can read this is taken for it: keep it where it is, mode 0600.\n"
                                    : ". No secret: for whoever is to know it.\n";
    return text.append(word_of(kind)).append(" ").append(key).append("\n");
}

}  // namespace rpcbroker
