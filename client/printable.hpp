// Texts from strangers, made fit for a terminal: escaped, measured and cut.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace rpcbroker {

/// `text` on one line: control characters (those of the direction of writing, too) and what is not UTF-8 escaped, so that
/// nobody moves a terminal's cursor or makes a text look like another one.
std::string printable(std::string_view text);

/// How many cells of a terminal `text` takes; it is printable() already. Wide characters take two, combining ones none.
std::size_t cells_of(std::string_view text);

/// The beginning of `text` that fits into `width` cells, its end replaced by "…" where something had to go.
std::string cut_to(std::string_view text, std::size_t width);

}  // namespace rpcbroker
