// What the fuzz programs share: an input read as a program of steps, and what must hold said so that it is found.
//
// Every byte of an input means something wherever it stands, and one that is missing is 0: so a mutation of an input is
// nearly the same program, and the fuzzer keeps what it has learnt. Two bytes are never taken in the arguments of one call: the
// order would be the compiler's, and an input another program in another build.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>

#include <rpcbroker/pack.hpp>

#include "common/message.hpp"

namespace rpcbroker::fuzz {

/// Ends the program with `what` where it does not hold: in every build, unlike assert.
inline void require(bool holds, const char* what) {
    if (holds) return;
    static_cast<void>(std::fprintf(stderr, "VIOLATION: %s\n", what));
    std::abort();
}

/// The bytes that are left of an input. A view: the input must outlive it.
class Input {
public:
    Input(const std::uint8_t* data, std::size_t size) noexcept : rest_(reinterpret_cast<const char*>(data), size) {}

    [[nodiscard]] bool empty() const noexcept { return rest_.empty(); }
    std::uint8_t byte() noexcept {
        if (rest_.empty()) return 0;
        const auto first = static_cast<std::uint8_t>(rest_.front());
        rest_.remove_prefix(1);
        return first;
    }
    /// Below `count`, which is at most 256 and not 0.
    std::size_t pick(std::size_t count) noexcept { return byte() % count; }
    template <class List>
    decltype(auto) any_of(List& list) noexcept {
        return list[pick(std::size(list))];
    }
    /// Mostly small; now and then of any size.
    std::uint64_t number() noexcept;
    /// At most `most` bytes, as they stand.
    std::string_view text(std::size_t most) noexcept {
        const auto wanted = pick(most + 1);  // before the rest is looked at
        const auto size = std::min(wanted, rest_.size());
        const auto taken = rest_.substr(0, size);
        rest_.remove_prefix(size);
        return taken;
    }

private:
    std::string_view rest_;
};

inline std::uint64_t Input::number() noexcept {
    const auto first = byte();
    if (first < 0xf0) return first;
    std::uint64_t value = 0;
    for (auto left = first & 7U; left < 8; ++left) value = value << 8 | byte();
    return value;
}

/// Appends one MessagePack value, nested `depth` at most; now and then bytes that are none.
inline void append_value(std::string& out, Input& in, int depth = 3) {
    Packer packer(out);
    const auto kind = in.byte();
    const std::size_t size = kind >> 5;
    switch (kind % 10) {
    case 0: packer.nil(); break;
    case 1: packer.boolean(size != 0); break;
    case 2: packer.unsigned_integer(in.number()); break;
    case 3: packer.integer(-1 - static_cast<std::int64_t>(in.number() >> 1)); break;
    case 4: packer.string(in.text(40)); break;
    case 5: packer.binary(in.text(40)); break;
    case 6: packer.real(static_cast<double>(in.byte()) / 3); break;
    case 7:
        packer.array(depth > 0 ? size : 0);
        for (std::size_t i = 0; depth > 0 && i < size; ++i) append_value(out, in, depth - 1);
        break;
    case 8:
        packer.map(depth > 0 ? size : 0);
        for (std::size_t i = 0; depth > 0 && i < size; ++i) {
            packer.string(in.text(12));
            append_value(out, in, depth - 1);
        }
        break;
    default: out.append(in.text(20)); break;
    }
}

/// Changes what was written: a byte, the end, or bytes in between.
inline void mutate(std::string& body, Input& in) {
    const auto how = in.byte();
    const auto at = static_cast<std::size_t>(in.number()) % (body.size() + 1);
    switch (how % 3) {
    case 0:
        if (at < body.size()) body[at] = static_cast<char>(in.byte());
        break;
    case 1: body.resize(at); break;
    default: body.insert(at, in.text(16)); break;
    }
}

/// Parameters by which a call is known wherever it comes, whatever else was made up: `number` twice, once in disguise.
constexpr std::uint64_t number_mark = 0x6e756d6265726564;

inline void append_number(Packer& params, std::uint64_t number) {
    params.unsigned_integer(number).unsigned_integer(number_mark + number);
}

inline std::optional<std::uint64_t> number_in(std::string_view params) {
    Unpacker in(params);
    in.take_array();
    const auto number = in.take_unsigned();
    if (!number || in.take_unsigned() != number_mark + *number) return std::nullopt;
    return number;
}

/// An error as a handler, a library or a broker may say it, of any code.
inline Error any_error(Input& in) {
    const auto how = in.byte();
    Error error(static_cast<Code>(how % 16), std::string(in.text(20)), static_cast<By>((how >> 4) % 4),
                static_cast<Ran>((how >> 6) % 3));
    if (how & 0x10U) error.set_retry_after(std::chrono::milliseconds(in.number() & 0x7fffffff));
    return error;
}

}  // namespace rpcbroker::fuzz
