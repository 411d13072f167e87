// A map that a broker answered with, read key by key: what is missing, or of another type, is simply not there.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <rpcbroker/convert.hpp>

#include "client/printable.hpp"

namespace rpcbroker {

/// Owns what it holds. Not thread-safe.
class Entry {
public:
    /// `packed` is one MessagePack value.
    explicit Entry(std::string_view packed) : fields_(unpack_value<Fields>(packed, "entry")) {}

    /// False where it is no map with string keys; then every key is missing.
    [[nodiscard]] bool valid() const { return fields_.has_value(); }
    template <class T>
    [[nodiscard]] std::optional<T> find(const std::string& key) const {
        if (!valid()) return std::nullopt;
        const auto found = fields_->find(key);
        if (found == fields_->end()) return std::nullopt;
        auto value = unpack_value<T>(found->second.packed, key);
        return value ? std::optional<T>{std::move(*value)} : std::nullopt;
    }
    /// The same, and T() where it is missing.
    template <class T>
    [[nodiscard]] T get(const std::string& key) const {
        return find<T>(key).value_or(T{});
    }
    /// A nested map; not valid() where it is missing.
    [[nodiscard]] Entry entry(const std::string& key) const { return Entry{get<RawValue>(key).packed}; }
    [[nodiscard]] std::vector<Entry> entries(const std::string& key) const {
        std::vector<Entry> all;
        for (const auto& each : get<std::vector<RawValue>>(key)) all.emplace_back(each.packed);
        return all;
    }
    [[nodiscard]] std::string text(const std::string& key) const { return printable(get<std::string>(key)); }
    [[nodiscard]] std::string number(const std::string& key) const { return std::to_string(get<std::uint64_t>(key)); }

private:
    using Fields = std::map<std::string, RawValue>;
    Result<Fields> fields_;
};

/// A list of maps, which `call` answered with. The error (INTERNAL): it is none.
Result<std::vector<Entry>> read_entries(std::string_view packed, std::string_view call);

/// INTERNAL, by the client: what came is not what a broker answers `call` with.
Error not_understood(std::string_view call);

}  // namespace rpcbroker
