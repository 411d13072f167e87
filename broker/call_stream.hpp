// What a call that takes stream items has beside other calls: its credit, and whether that is held back.
#pragma once

#include <cstdint>

namespace rpcbroker::broker {

struct Call;

/// How many items of a stream the client has granted, and how many of them its worker may still send. The broker keeps a
/// window at the worker, whatever the client grants at once.
class StreamCredit {
public:
    /// The most that a worker is granted ahead, in items.
    static constexpr std::uint64_t window = 1024;

    /// `with_request`: what the client's request grants.
    explicit StreamCredit(std::uint64_t with_request) noexcept;

    /// The client grants more. Sums that no counter holds are taken as the most that one does.
    void grant(std::uint64_t items) noexcept;
    /// The request goes to a worker, and with it what it grants: at most a window.
    void dispatched() noexcept;
    /// The worker gave the call back: what it was granted is granted to the next one. Only of a stream that has not begun.
    void returned() noexcept;
    /// An item came. False: the worker had no credit for it.
    [[nodiscard]] bool take_item() noexcept;
    /// Whether the worker is to be granted more: it has less than half a window, and more is granted by the client.
    [[nodiscard]] bool runs_low() const noexcept { return owed_ > 0 && at_worker_ < window / 2; }
    /// Fills the worker's window as far as the client's credit goes; returns by how much.
    std::uint64_t top_up() noexcept;

    /// Whether an item was passed on.
    [[nodiscard]] bool begun() const noexcept { return begun_; }

private:
    std::uint64_t with_request_;
    std::uint64_t owed_;  ///< granted by the client, not to the worker
    std::uint64_t at_worker_ = 0;
    bool begun_ = false;
};

struct CallStream {
    explicit CallStream(std::uint64_t with_request) noexcept : credit(with_request) {}

    StreamCredit credit;
    bool withheld = false;  ///< its worker is granted nothing until its client reads
    // Neighbours among its client's calls that are withheld.
    Call* next = nullptr;
    Call* previous = nullptr;
};

}  // namespace rpcbroker::broker
