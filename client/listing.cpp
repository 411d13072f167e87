#include "client/listing.hpp"

#include <algorithm>
#include <cstdint>
#include <vector>

#include "client/entry.hpp"
#include "client/printable.hpp"

namespace rpcbroker {

namespace {

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
    for (const auto& method : service.entries("methods")) {
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

}  // namespace

Result<std::string> list_services(std::string_view packed) {
    const auto services = read_entries(packed, "rpc.services");
    if (!services) return services.error();
    std::string out;
    for (const auto& service : *services) {
        if (!out.empty()) out += '\n';
        append_service(out, service);
    }
    return out.empty() ? "no worker has registered a service\n" : out;
}

Result<std::string> list_names(std::string_view packed) {
    const auto services = read_entries(packed, "rpc.services");
    if (!services) return services.error();
    std::string out;
    for (const auto& service : *services)
        for (const auto& method : service.entries("methods"))
            out += service.text("name") + "." + method.text("name") + "\n";
    return out;
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
