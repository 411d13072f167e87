#include "client/top_json.hpp"

#include <rpcbroker/pack.hpp>

#include "client/json_msgpack.hpp"

namespace rpcbroker {

namespace {

struct PackCell {
    Packer& packer;
    void operator()(std::monostate) const { packer.nil(); }
    void operator()(const std::string& text) const { packer.string(text); }
    void operator()(std::uint64_t number) const { packer.unsigned_integer(number); }
    void operator()(double number) const { packer.real(number); }
};

void pack_cell(Packer& packer, const Cell& cell) { std::visit(PackCell{packer}, cell); }

template <class T>
void pack_known(Packer& packer, std::string_view key, std::optional<T> value) {
    packer.string(key);
    pack_cell(packer, value ? Cell{*value} : Cell{});
}

void pack_text(Packer& packer, std::string_view key, const std::string& text) {
    pack_known(packer, key, text.empty() ? std::nullopt : std::optional<std::string>{text});
}

void pack_totals(Packer& packer, const Totals& totals) {
    packer.string("totals").map(6);
    pack_known(packer, "calls_per_s", totals.calls_per_s);
    pack_known(packer, "errors_per_s", totals.errors_per_s);
    pack_known(packer, "queued", totals.queued);
    pack_known(packer, "in_flight", totals.in_flight);
    pack_known(packer, "workers", totals.workers);
    pack_known(packer, "clients", totals.clients);
}

void pack_table(Packer& packer, const Table& table) {
    const auto columns = columns_of(table.view);
    packer.string(name_of(table.view)).array(table.rows.size());
    for (const auto& row : table.rows) {
        packer.map(columns.size());
        for (std::size_t i = 0; i < columns.size(); ++i) {
            packer.string(columns[i].key);
            pack_cell(packer, row[i]);
        }
    }
}

Table arranged(View view, const Snapshot* before, const Snapshot& now, const TopState& state) {
    auto table = make_table(view, before, now);
    if (view == state.view()) return state.arrange(std::move(table));
    if (!state.filter().empty()) keep_matching(table, state.filter());
    return table;
}

}  // namespace

std::string top_document(const TopStatus& status, const TopState& state) {
    const auto* const before = status.before ? &*status.before : nullptr;
    const auto& now = *status.now;
    std::string document;
    Packer packer{document};
    packer.map(6 + view_names.size());
    pack_text(packer, "endpoint", status.endpoint);
    pack_text(packer, "broker", now.broker_id);
    pack_text(packer, "version", now.version);
    pack_known(packer, "uptime_ms", now.uptime_ms);
    packer.string("interval_ms").integer(state.interval().count());
    pack_totals(packer, totals_of(before, now));
    for (const auto view : {View::services, View::methods, View::workers, View::clients})
        pack_table(packer, arranged(view, before, now, state));
    return msgpack_to_json(document);
}

}  // namespace rpcbroker
