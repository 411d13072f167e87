// What a program of the chaos tests says of each call, so that nothing of it is lost when the program is killed.
#pragma once

#include <string>

namespace rpcbroker::chaos {

/// A file to which lines are appended, each by one write(): what was written before a kill -9 is there after it, and
/// lines of several threads do not mix. Thread-safe. What the lines mean is in history.py.
class Journal {
public:
    /// Makes the file if need be. Throws std::system_error when it cannot be opened.
    explicit Journal(const std::string& path);
    ~Journal();
    Journal(const Journal&) = delete;
    Journal& operator=(const Journal&) = delete;

    /// Appends "KIND TIME REST", where TIME is in microseconds of the clock that all processes of a machine share. Ends
    /// the program when the line cannot be written: a history with holes proves nothing.
    void write(char kind, const std::string& rest);

private:
    int descriptor_;
};

}  // namespace rpcbroker::chaos
