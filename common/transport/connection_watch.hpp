// Private to transport/: asks the system about connections that libzmq reads from, and cuts them, on a thread of its own. What
// it asks waits while libzmq copies a frame from the connection; of large frames that is nearly always, and it has been
// seen to wait for more than a second. A loop that others wait for must not.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace rpcbroker::transport {

/// Ends the connection by reset, so that neither system keeps anything of it. May wait for who reads from it just now.
void cut(int descriptor) noexcept;

/// Used by one thread. A descriptor may be another connection's by the time that it is asked about: whoever reads the
/// socket's events before the answers knows.
class ConnectionWatch {
public:
    struct Question {
        int descriptor;
        std::uint32_t generation;  ///< the asker's, as is `messages`
        std::uint32_t messages;
        bool frames;  ///< whether to look at what waits, too
    };
    struct Answer {
        Question question;
        std::optional<std::uint64_t> taken;  ///< bytes that libzmq has taken from it since it began, at least
        /// What waits is a row of frames that all say that more will come: bytes of one, on average; else 0.
        std::size_t unfinished_frame = 0;
    };

    ConnectionWatch() : thread_{[this] { run(); }} {}
    ~ConnectionWatch();  ///< connections that are to be cut are cut
    ConnectionWatch(const ConnectionWatch&) = delete;
    ConnectionWatch& operator=(const ConnectionWatch&) = delete;

    /// Not while is_busy().
    void ask(std::vector<Question> questions);
    /// There are questions without an answer, or answers that nobody took.
    [[nodiscard]] bool is_busy() const noexcept { return busy_; }
    /// To the last questions, all at once; empty while they are not there.
    std::vector<Answer> take_answers();
    /// As above, without waiting, unless the process has no descriptor left. From here on it is this connection, whatever becomes
    /// of the descriptor.
    void cut(int descriptor);
    /// The addresses of those that were cut since the last call. They are there before the socket says that the connection is gone.
    std::vector<std::string> take_cut();

private:
    void run();
    void cut_now(int descriptor);

    bool busy_ = false;
    std::atomic<bool> has_answers_{false};
    std::atomic<bool> has_cut_{false};
    std::mutex mutex_;
    std::condition_variable work_;
    bool quit_ = false;
    std::vector<Question> questions_;
    std::vector<Answer> answers_;
    std::vector<int> to_cut_;
    std::vector<std::string> cut_;
    std::thread thread_;  ///< last: it uses the others
};

}  // namespace rpcbroker::transport
