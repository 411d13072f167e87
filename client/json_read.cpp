// JSON to MessagePack.
#include <nlohmann/json.hpp>

#include <rpcbroker/pack.hpp>

#include "client/json_msgpack.hpp"

namespace rpcbroker {

namespace {

using Json = nlohmann::ordered_json;

bool pack(Packer& packer, const Json& value, int nesting_left);

bool pack_array(Packer& packer, const Json& array, int nesting_left) {
    packer.array(array.size());
    for (const auto& element : array)
        if (!pack(packer, element, nesting_left - 1)) return false;
    return true;
}

bool pack_object(Packer& packer, const Json& object, int nesting_left) {
    packer.map(object.size());
    for (const auto& [key, value] : object.items()) {
        packer.string(key);
        if (!pack(packer, value, nesting_left - 1)) return false;
    }
    return true;
}

bool pack(Packer& packer, const Json& value, int nesting_left) {
    if (value.is_structured() && nesting_left == 0) return false;
    switch (value.type()) {
    case Json::value_t::null: packer.nil(); return true;
    case Json::value_t::boolean: packer.boolean(value.get<bool>()); return true;
    case Json::value_t::number_integer: packer.integer(value.get<std::int64_t>()); return true;
    case Json::value_t::number_unsigned: packer.unsigned_integer(value.get<std::uint64_t>()); return true;
    case Json::value_t::number_float: packer.real(value.get<double>()); return true;
    case Json::value_t::string: packer.string(value.get_ref<const std::string&>()); return true;
    case Json::value_t::array: return pack_array(packer, value, nesting_left);
    case Json::value_t::object: return pack_object(packer, value, nesting_left);
    case Json::value_t::binary:
    case Json::value_t::discarded: break;
    }
    return false;
}

}  // namespace

std::optional<std::string> json_to_msgpack(std::string_view json) {
    constexpr bool throws = false;
    const auto value = Json::parse(json.begin(), json.end(), nullptr, throws);
    std::string packed;
    Packer packer{packed};
    if (value.is_discarded() || !pack(packer, value, max_nesting)) return std::nullopt;
    return packed;
}

}  // namespace rpcbroker
