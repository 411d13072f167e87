// The bytes of one body, with their owner: a string of ours, or the buffer that they were received in.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace rpcbroker {

/// Move-only. Whoever holds it may write into its bytes, but not grow them. Not thread-safe.
class Body {
public:
    /// What a holder of another kind (a transport's buffer) must know. `held` points at storage of `capacity` bytes.
    struct Operations {
        void (*relocate)(void* from, void* to) noexcept;  ///< moves the holder and ends the one at `from`
        void (*destroy)(void* held) noexcept;
        char* (*data)(void* held) noexcept;
        std::size_t (*size)(const void* held) noexcept;
        /// Makes a second holder of the same bytes at `to`; null where there is no such thing.
        void (*share)(void* held, void* to) noexcept = nullptr;
    };
    static constexpr std::size_t capacity = 64;

    Body() noexcept = default;
    explicit Body(std::string bytes);
    Body(Body&& other) noexcept { take(other); }
    Body& operator=(Body&& other) noexcept;
    Body(const Body&) = delete;
    Body& operator=(const Body&) = delete;
    ~Body() { reset(); }

    /// Storage for a holder that `operations` describes; the caller constructs it there at once.
    void* emplace(const Operations& operations) noexcept;
    /// The holder, if it is of the kind that `operations` describes; else null.
    void* holder(const Operations& operations) noexcept { return operations_ == &operations ? storage_ : nullptr; }

    [[nodiscard]] std::string_view bytes() const noexcept;
    [[nodiscard]] char* data() noexcept { return operations_ ? operations_->data(storage_) : nullptr; }
    [[nodiscard]] std::size_t size() const noexcept { return operations_ ? operations_->size(storage_) : 0; }
    /// Another holder of the same bytes, without a copy of them: from then on nobody writes into them. Empty where there can be none.
    [[nodiscard]] Body share() noexcept;
    [[nodiscard]] bool empty() const noexcept { return size() == 0; }
    void reset() noexcept;

private:
    void take(Body& other) noexcept;

    alignas(std::max_align_t) mutable std::byte storage_[capacity];
    const Operations* operations_ = nullptr;
};

}  // namespace rpcbroker
