// Parameters and results as MessagePack, for the contenders that carry bytes and leave their meaning to the user. The
// cursor is rpcbroker's own on both sides, so that what is compared is not MessagePack libraries.
#pragma once

#include <string>
#include <string_view>

#include "tests/bench/compare/driver.hpp"

namespace rpcbroker::compare {

/// `[text]`, packed.
std::string pack_parameters(std::string_view text);

/// Runs CountString or Echo: the packed result, which lies in `scratch` or is part of the parameters. Throws when
/// parameters or method are not what they should be.
std::string_view answer(std::string_view method, std::string_view parameters, std::string& scratch);

/// Throws unless it is the packed result of the call that the options ask for.
void check_result(const Options& options, std::string_view result);

}  // namespace rpcbroker::compare
