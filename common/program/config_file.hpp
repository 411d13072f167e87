// CLI11's reader of TOML, for the part of it that a program's configuration needs: names with texts, numbers, booleans,
// and lists of these.
#pragma once

#include <iosfwd>
#include <vector>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>

namespace rpcbroker {

/// CLI::ConfigTOML leaves out lines that it does not understand, cuts texts at '#' and ends a list with its first line.
/// Here such files are read as TOML has it, or refused: tables, backslashes and texts of several lines are errors, and
/// so is a name that stands twice.
class ConfigFile : public CLI::ConfigTOML {
public:
    ConfigFile();

    /// Throws CLI::ConfigError, whose text begins with the line: "line 3: …".
    std::vector<CLI::ConfigItem> from_config(std::istream& input) const override;
};

}  // namespace rpcbroker
