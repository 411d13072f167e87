#include "gateway/http/message.hpp"

#include <algorithm>
#include <charconv>

namespace rpcbroker::http {

namespace {

char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

}  // namespace

bool same_name(std::string_view a, std::string_view b) noexcept {
    return std::ranges::equal(a, b, [](char x, char y) { return lower(x) == lower(y); });
}

std::string decoded(std::string_view text, bool is_query) {
    std::string plain;
    for (std::size_t i = 0; i < text.size(); ++i) {
        unsigned char byte = 0;
        const char* const digits = text.data() + i + 1;
        if (text[i] == '%' && i + 2 < text.size() && std::from_chars(digits, digits + 2, byte, 16).ptr == digits + 2) {
            plain += static_cast<char>(byte);
            i += 2;
        } else {
            plain += is_query && text[i] == '+' ? ' ' : text[i];
        }
    }
    return plain;
}

std::string_view Request::field(std::string_view name) const noexcept {
    const auto found = std::ranges::find_if(fields, [&](const auto& field) { return same_name(field.first, name); });
    return found == fields.end() ? std::string_view{} : std::string_view{found->second};
}

std::string Request::parameter(std::string_view name) const {
    for (std::string_view left{query}; !left.empty();) {
        const auto pair = left.substr(0, left.find('&'));
        left.remove_prefix(std::min(pair.size() + 1, left.size()));
        const auto equals = std::min(pair.find('='), pair.size());
        if (decoded(pair.substr(0, equals), true) != name) continue;
        return equals < pair.size() ? decoded(pair.substr(equals + 1), true) : "true";
    }
    return {};
}

}  // namespace rpcbroker::http
