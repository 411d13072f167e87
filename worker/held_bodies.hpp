// Bodies that were received and are still needed: each is kept, in one place, for as long as calls in it point there.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "common/body.hpp"

namespace rpcbroker {

/// Not thread-safe, but bytes that are held may be read by any thread.
class HeldBodies {
public:
    using Index = std::uint32_t;

    /// Takes the body with one hold on it.
    Index add(Body body) {
        if (free_.empty()) {
            free_.push_back(static_cast<Index>(entries_.size()));
            entries_.push_back(std::make_unique<Entry>());
        }
        const Index index = free_.back();
        free_.pop_back();
        entries_[index]->body = std::move(body);
        entries_[index]->holds = 1;
        return index;
    }

    /// Valid until the last hold is released; the bytes do not move.
    [[nodiscard]] std::string_view bytes(Index index) const noexcept { return entries_[index]->body.bytes(); }
    void hold(Index index) noexcept { ++entries_[index]->holds; }
    void release(Index index) {
        if (--entries_[index]->holds > 0) return;
        entries_[index]->body.reset();
        free_.push_back(index);
    }

    [[nodiscard]] std::size_t size() const noexcept { return entries_.size() - free_.size(); }

private:
    struct Entry {
        Body body;
        std::uint32_t holds = 0;
    };
    std::vector<std::unique_ptr<Entry>> entries_;  // on their own, because a body may hold its bytes within itself
    std::vector<Index> free_;
};

}  // namespace rpcbroker
