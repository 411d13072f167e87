// Whatever bytes there are: unpacking ends with a value or an error, and a value that was packed again is unpacked the same.
#include <array>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <rpcbroker/msgpack_types.hpp>

namespace {

struct Point {
    std::int32_t x = 0;
    std::string name;
    std::vector<std::map<std::string, std::uint8_t>> maps;
    MSGPACK_DEFINE_MAP(x, name, maps)
};

template <class T>
std::string packed(const T& value) {
    std::string out;
    rpcbroker::pack_value(out, value);
    return out;
}

// Compared as bytes, which NaN survives too.
template <class T>
void try_type(std::string_view bytes) {
    const auto value = rpcbroker::unpack_value<T>(bytes, "value");
    if (!value) return;
    const auto once = packed(*value);
    const auto again = rpcbroker::unpack_value<T>(once, "value");
    if (!again || packed(*again) != once) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace rpcbroker;
    const std::string_view bytes{reinterpret_cast<const char*>(data), size};
    try_type<bool>(bytes);
    try_type<std::int8_t>(bytes);
    try_type<std::uint64_t>(bytes);
    try_type<double>(bytes);
    try_type<float>(bytes);
    try_type<Bytes>(bytes);
    try_type<RawValue>(bytes);
    try_type<Point>(bytes);
    try_type<std::vector<Point>>(bytes);
    try_type<std::vector<std::optional<std::string>>>(bytes);
    try_type<std::map<std::string, std::vector<RawView>>>(bytes);
    try_type<std::array<std::pair<std::string_view, std::int16_t>, 2>>(bytes);
    std::tuple<std::string_view, int, std::optional<Point>> parameters;
    static_cast<void>(unpack_params(bytes, parameters, {}));
    return 0;
}
