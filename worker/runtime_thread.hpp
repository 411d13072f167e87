// One of a runtime's threads: the call that it runs, and where that call's stream items go.
#pragma once

#include <condition_variable>
#include <string>
#include <thread>

#include "worker/runtime.hpp"

namespace rpcbroker {

/// Guarded by the runtime's mutex, but for what a running handler uses.
struct Runtime::Thread final : detail::ItemSink {
    explicit Thread(Runtime& of) : runtime(of) {
        running.worker_name = of.options_.name;
        running.items = this;
    }

    ItemSent send(std::string& item) override { return runtime.send_item(*this, item); }
    ItemSent try_send(std::string& item) override { return runtime.try_send_item(*this, item); }
    bool wait_for_credit(std::chrono::nanoseconds duration) override {
        return runtime.wait_for_credit(*this, duration);
    }

    Runtime& runtime;
    detail::RunningCall running;
    Link* link = nullptr;  ///< where the call that runs came from; null: none runs
    std::string response;
    std::condition_variable may_send;  ///< what a handler waits on that cannot send an item
    bool lacks_room = false;           ///< it waits there for others' bytes to be sent
    std::thread thread;
};

}  // namespace rpcbroker
