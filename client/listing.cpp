#include "client/listing.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include <rpcbroker/convert.hpp>

namespace rpcbroker {

namespace {

/// Any map of string keys; what is missing or of another type reads as nothing.
class Entry {
public:
    explicit Entry(std::string_view packed) : fields_(unpack_value<Fields>(packed, "entry")) {}

    [[nodiscard]] bool valid() const { return fields_.has_value(); }
    template <class T>
    [[nodiscard]] T get(const std::string& key) const {
        const auto found = fields_->find(key);
        if (found == fields_->end()) return {};
        auto value = unpack_value<T>(found->second.packed, key);
        return value ? *value : T{};
    }
    [[nodiscard]] std::string text(const std::string& key) const { return printable(get<std::string>(key)); }
    [[nodiscard]] std::string number(const std::string& key) const { return std::to_string(get<std::uint64_t>(key)); }

private:
    using Fields = std::map<std::string, RawValue>;
    Result<Fields> fields_;
};

struct Line {
    std::string signature;
    std::string remarks;
};

std::string counted(std::uint64_t number, const std::string& thing) {
    return std::to_string(number) + " " + thing + (number == 1 ? "" : "s");
}

/// "CountString(text: str) -> int"
std::string signature(std::string_view name, const Entry& method) {
    std::string text = printable(name) + "(";
    const auto params = method.get<std::vector<std::string>>("params");
    for (std::size_t i = 0; i < params.size(); ++i) text += (i ? ", " : "") + printable(params[i]);
    text += ")";
    const auto result = method.text("result");
    const bool streams = method.get<bool>("stream");
    if (streams)
        text += " -> stream of " + (result.empty() ? "any" : result);
    else if (!result.empty() && result != "nil")
        text += " -> " + result;
    return text;
}

void append_service(std::string& out, const Entry& service) {
    out += service.text("name") + "   " + counted(service.get<std::uint64_t>("workers"), "worker") + ", " +
           service.number("queued") + " queued, " + service.number("in_flight") + " in flight\n";
    std::vector<Line> lines;
    std::size_t width = 0;
    for (const auto& packed : service.get<std::vector<RawValue>>("methods")) {
        const Entry method{packed.packed};
        if (!method.valid()) continue;
        lines.push_back({signature(method.get<std::string>("name"), method), method.text("doc")});
        width = std::max(width, lines.back().signature.size());
    }
    constexpr std::size_t widest = 48;
    for (const auto& line : lines) {
        const auto padding = std::min(width, widest) + 3 - std::min(line.signature.size(), std::min(width, widest));
        out += "  " + line.signature + (line.remarks.empty() ? "" : std::string(padding, ' ') + line.remarks) + "\n";
    }
}

Error not_understood(std::string_view call) {
    return Error{Code::internal, "the answer to " + std::string{call} + " is not what a broker says", By::client,
                 Ran::unsaid};
}

std::size_t length_of_character(std::string_view text) {
    std::size_t length = 1;
    while (length < text.size() && length < 4 && (static_cast<unsigned char>(text[length]) & 0xc0) == 0x80) ++length;
    return length;
}

void append_escaped(std::string& out, unsigned char byte) {
    static constexpr std::string_view hex = "0123456789abcdef";
    ((out += "\\x") += hex[byte >> 4]) += hex[byte & 15];
}

/// Control characters of C0 and C1, and DEL.
bool is_control(std::string_view character) {
    const auto first = static_cast<unsigned char>(character[0]);
    if (character.size() == 1) return first < 0x20 || first == 0x7f;
    return first == 0xc2 && static_cast<unsigned char>(character[1]) < 0xa0;
}

}  // namespace

std::string printable(std::string_view text) {
    std::string out;
    while (!text.empty()) {
        auto character = text.substr(0, length_of_character(text));
        if (!is_utf8(character)) character = text.substr(0, 1);
        if (character == "\n")
            out += "\\n";
        else if (is_utf8(character) && !is_control(character))
            out += character;
        else
            for (const char byte : character) append_escaped(out, static_cast<unsigned char>(byte));
        text.remove_prefix(character.size());
    }
    return out;
}

Result<std::string> list_services(std::string_view packed) {
    const auto services = unpack_value<std::vector<RawValue>>(packed, "rpc.services");
    if (!services) return not_understood("rpc.services");
    std::string out;
    for (const auto& each : *services) {
        const Entry service{each.packed};
        if (!service.valid()) return not_understood("rpc.services");
        if (!out.empty()) out += '\n';
        append_service(out, service);
    }
    return out.empty() ? "no worker has registered a service\n" : out;
}

Result<std::string> describe_method(std::string_view method, std::string_view packed) {
    const Entry entry{packed};
    if (!entry.valid()) return not_understood("rpc.describe");
    std::string out = signature(method, entry) + "\n";
    if (const auto doc = entry.text("doc"); !doc.empty()) out += "    " + doc + "\n";
    out += "    idempotent  " + std::string{entry.get<bool>("idempotent") ? "yes" : "no"} + "\n";
    out += "    calls       " + entry.number("calls") + "\n";
    out += "    errors      " + entry.number("errors") + "\n";
    return out;
}

}  // namespace rpcbroker
