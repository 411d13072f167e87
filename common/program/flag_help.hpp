// How --help looks. Internal to flags.
#pragma once

#include <string>

#include <CLI/App.hpp>
#include <CLI/Formatter.hpp>

namespace rpcbroker {

/// CLI11's, with defaults behind the descriptions ("between two signs of life (default 500ms)"), descriptions broken
/// at spaces, and one empty line between groups.
class FlagHelp : public CLI::Formatter {
public:
    FlagHelp();

    std::string make_help(const CLI::App* app, std::string name, CLI::AppFormatMode mode) const override;
    std::string make_option_opts(const CLI::Option* option) const override;
    std::string make_option_desc(const CLI::Option* option) const override;
};

}  // namespace rpcbroker
