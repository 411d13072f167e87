// Files of keys: any text is taken or refused with a line, nobody has a right that no pattern gives, and what was taken is
// taken again when it is written down.
#include <cstdint>
#include <string>
#include <string_view>

#include <rpcbroker/authorized.hpp>
#include "common/key_text.hpp"
#include "common/message.hpp"
#include "tests/fuzz/input.hpp"

namespace rpcbroker::fuzz {
namespace {

void read_key_file(std::string_view text) {
    for (const auto kind : {KeyKind::secret, KeyKind::public_one}) {
        const auto key = parse_key_file(text, kind);
        if (!key) {
            require(key.error().message().starts_with("line "), "what is wrong with a key file");
            continue;
        }
        require(is_key(*key), "a key is one");
        require(*parse_key_file(write_key_file("x", *key, kind), kind) == *key, "a key file comes back");
    }
}

/// By the words alone: the same rule as in Rights, said another way.
bool gives(std::string_view pattern, std::string_view method) {
    if (pattern == "*" || pattern == method) return true;
    return pattern.ends_with(".*") && method.rfind('.') == pattern.size() - 2 &&
           method.starts_with(pattern.substr(0, pattern.size() - 1));
}

void check_pattern(std::string_view pattern, std::string_view method) {
    Rights rights;
    const bool taken = rights.add(pattern).empty();
    require(taken || rights == Rights{}, "a pattern that is refused gives nothing");
    if (taken && is_method_name(method))
        require(rights.allow(method) == gives(pattern, method), "what a pattern gives");
}

void read_authorized(std::string_view text) {
    const auto keys = parse_authorized(text);
    if (!keys) return require(keys.error().message().starts_with("line "), "what is wrong with a file of keys");
    std::string again;
    for (const auto& key : *keys) {
        require(is_key_name(key.name) && is_key(key.public_key), "a name and a key");
        again.append(key.name).append(" ").append(name_of(key.role)).append(" ").append(key.public_key).append("\n");
    }
    const auto same = parse_authorized(again);
    require(same && same->size() == keys->size(), "a file of keys comes back");
}

}  // namespace
}  // namespace rpcbroker::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text{reinterpret_cast<const char*>(data), size};
    rpcbroker::fuzz::read_key_file(text);
    rpcbroker::fuzz::read_authorized(text);
    const auto space = text.find(' ');
    if (space != std::string_view::npos) rpcbroker::fuzz::check_pattern(text.substr(0, space), text.substr(space + 1));
    return 0;
}
