// Keys as text, and the files that hold one. No I/O.
//
//     # lines that begin with # are for people
//     secret-key D:)Q[IlAW!ahhC2ac:9*A}h:p?([4%wOTJ%JR%cs
//
// A file holds one key, of one kind, so that nobody gives away the secret one with the public one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <rpcbroker/result.hpp>

namespace rpcbroker {

inline constexpr std::size_t key_characters = 40;
inline constexpr std::size_t max_key_name = 64;

/// Overwrites the characters, in a way that the compiler does not leave out, and empties the text.
void wipe(std::string& text) noexcept;

enum class KeyKind : std::uint8_t { secret, public_one };

/// 40 characters of Z85 that stand for 32 bytes.
bool is_key(std::string_view text) noexcept;
/// What is wrong with `text` as a key, as the rest of a sentence; empty when it is one. Never shows the text: it may be secret.
std::string problem_with_key(std::string_view text);

/// What a key may be called: 1 to 64 of a-z A-Z 0-9 . _ @ -, beginning with a letter or digit.
bool is_key_name(std::string_view text) noexcept;

/// The key in a file of that text. The error (INVALID_ARGUMENT) begins with the line: "line 2: …".
Result<std::string> parse_key_file(std::string_view text, KeyKind wanted);
std::string write_key_file(std::string_view name, std::string_view key, KeyKind kind);

}  // namespace rpcbroker
