// The bytes of a small request, as a slot for calls keeps them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>

namespace rpcbroker::broker {

/// Half as large as a std::string, and with no more of the heap than malloc rounds up to: a million calls may wait. Keeps its
/// memory when it is given other bytes. Not thread-safe.
class SlotBytes {
public:
    SlotBytes() = default;
    SlotBytes(const SlotBytes&) = delete;
    SlotBytes& operator=(const SlotBytes&) = delete;

    /// At most 4 GiB; larger bodies are kept as they came.
    void assign(std::string_view bytes) {
        if (bytes.size() > capacity_) make_room(bytes.size());
        if (!bytes.empty()) std::memcpy(bytes_.get(), bytes.data(), bytes.size());
        size_ = static_cast<std::uint32_t>(bytes.size());
    }
    void clear() noexcept { size_ = 0; }
    /// Gives its memory back.
    void free() noexcept {
        bytes_.reset();
        size_ = capacity_ = 0;
    }
    [[nodiscard]] std::string_view view() const noexcept { return {bytes_.get(), size_}; }
    [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }

private:
    /// What malloc gives is 8 bytes short of a multiple of 16.
    void make_room(std::size_t size) {
        const auto capacity = (size + 8 + 15) / 16 * 16 - 8;
        bytes_.reset();
        bytes_.reset(new char[capacity]);
        capacity_ = static_cast<std::uint32_t>(capacity);
    }

    std::unique_ptr<char[]> bytes_;
    std::uint32_t size_ = 0;
    std::uint32_t capacity_ = 0;
};

}  // namespace rpcbroker::broker
