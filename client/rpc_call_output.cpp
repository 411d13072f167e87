#include "client/rpc_call_output.hpp"

#include <chrono>
#include <ostream>

#include <rpcbroker/pack.hpp>

#include "client/entry.hpp"
#include "client/json_msgpack.hpp"

namespace rpcbroker {

namespace {

void print_raw(std::ostream& out, std::string_view packed) {
    Unpacker unpacker{packed};
    if (const auto bytes = unpacker.take_binary())
        out << *bytes;
    else if (const auto text = unpacker.take_string())
        out << *text << '\n';
    else
        out << msgpack_to_json(packed) << '\n';
}

}  // namespace

void print_value(std::ostream& out, std::string_view packed, OutputFormat format) {
    switch (format) {
    case OutputFormat::msgpack: out << packed; return;
    case OutputFormat::pretty: out << msgpack_to_json(packed, JsonLayout::indented) << '\n'; return;
    case OutputFormat::raw: return print_raw(out, packed);
    case OutputFormat::json: out << msgpack_to_json(packed) << '\n'; return;
    }
}

void print_timing(std::ostream& out, std::string_view timing, Duration whole) {
    const auto whole_us = std::chrono::duration_cast<std::chrono::microseconds>(whole).count();
    out << "timing: " << whole_us << " us in all";
    if (timing.empty()) {
        out << ", of which the broker says nothing\n";
        return;
    }
    const Entry entry{timing};
    out << ": " << entry.number("queued_us") << " us queued, " << entry.number("worker_us") << " us at worker "
        << entry.text("worker") << '\n';
}

}  // namespace rpcbroker
