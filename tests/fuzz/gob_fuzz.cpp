// A stream of gob: any bytes are decoded, or refused, and what was decoded is whole. As a result it is encoded, or refused, and
// what was encoded is decoded again.
#include <cstdint>
#include <string>
#include <string_view>

#include "gateway/gob/decoder.hpp"
#include "gateway/gob/encoder.hpp"
#include "tests/fuzz/input.hpp"

namespace rpcbroker::fuzz {
namespace {

constexpr std::size_t most_bytes = 1 << 16;

void require_value(std::string_view packed) {
    Unpacker in(packed);
    require(in.take_value() && in.at_end(), "one whole MessagePack value");
}

void encode_result(gob::Encoder& encoder, gob::Decoder& decoder, std::string_view type, std::string_view packed) {
    const auto shape = gob::completed(gob::declared_shape(type), packed);
    if (!shape) return;
    require(shape->complete(), "a shape that a value completed");
    std::string out;
    const auto written = encoder.append(out, *shape, packed);
    bool decoded = false;
    for (std::string_view left{out}; !left.empty();) {
        const auto frame = gob::first_frame(left, out.size());
        require(frame.is == gob::Frame::Is::whole, "frames that were written are whole");
        left.remove_prefix(frame.size);
        const auto value = decoder.message(frame.message);
        if (!value && value.error().code() == Code::resource_exhausted) return;
        require(value.has_value(), "what was encoded can be decoded");
        if (*value) require_value(**value);
        decoded = decoded || value->has_value();
    }
    require(decoded == written.has_value(), "a value for a value");
}

void decode_stream(std::string_view bytes) {
    gob::Decoder decoder{most_bytes};
    gob::Decoder back{std::size_t{1} << 24};
    gob::Encoder encoder;
    for (int values = 0; values < 100; ++values) {
        const auto frame = gob::first_frame(bytes, most_bytes);
        if (frame.is != gob::Frame::Is::whole) return;
        bytes.remove_prefix(frame.size);
        const auto value = decoder.message(frame.message);
        if (!value || !*value) continue;
        require_value(**value);
        for (const auto* type : {"", "map", "list<any>", "int", "{X: any}"})
            encode_result(encoder, back, type, **value);
    }
}

}  // namespace
}  // namespace rpcbroker::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view bytes{reinterpret_cast<const char*>(data), size};
    rpcbroker::fuzz::decode_stream(bytes);
    (void)rpcbroker::gob::declared_shape(bytes);
    return 0;
}
