#include "gateway/broker_streams.hpp"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <boost/asio/post.hpp>

namespace rpcbroker {

/// `mutex` guards what stands below it; the rest is the loop's, but for `raw`, which the reading thread reads.
struct BrokerStreams::Stream {
    CallId id = 0;
    RawStream raw;
    Calls::Item item;
    Calls::Done done;
    std::thread reader;
    bool cancelled = false;

    std::mutex mutex;
    std::condition_variable room;
    std::deque<std::string> items;
    std::optional<Result<RawReply>> end;
    bool posted = false;
    bool closing = false;
};

namespace {

constexpr std::size_t most_items = 64;  ///< read and not taken yet, of a stream

}  // namespace

BrokerStreams::BrokerStreams(boost::asio::io_context& loop, Client& client, std::function<void()> flush)
    : loop_(loop), client_(client), flush_(std::move(flush)) {}

BrokerStreams::~BrokerStreams() {
    for (auto& [id, stream] : streams_) cancel(id);
    for (auto& [id, stream] : streams_)
        if (stream->reader.joinable()) stream->reader.join();
}

void BrokerStreams::open(CallId id, std::string_view method, std::string_view params, const CallOptions& options,
                         Calls::Item item, Calls::Done done) {
    auto stream = std::make_shared<Stream>();
    stream->id = id;
    stream->item = std::move(item);
    stream->done = std::move(done);
    if (streams_.size() >= most) {
        refuse(stream, "this gateway has too many streams under way", Ran::no);
    } else {
        stream->raw = client_.stream_raw(method, params, options);
        start_reader(stream);
    }
    streams_.emplace(id, stream);
}

void BrokerStreams::start_reader(const std::shared_ptr<Stream>& stream) try {
    stream->reader = std::thread{[this, stream] { read(stream); }};
} catch (const std::system_error&) {
    stream->raw.cancel();
    refuse(stream, "this gateway gets no more threads for streams", Ran::maybe);
}

void BrokerStreams::refuse(const std::shared_ptr<Stream>& stream, const char* why, Ran ran) {
    stream->end = Error{Code::resource_exhausted, why, By::client, ran};
    boost::asio::post(loop_, [this, stream] { hand_out(*stream); });
}

void BrokerStreams::cancel(CallId id) {
    const auto found = streams_.find(id);
    if (found == streams_.end() || std::exchange(found->second->cancelled, true)) return;
    auto& stream = *found->second;
    if (stream.raw.valid()) stream.raw.cancel();
    const std::lock_guard lock{stream.mutex};
    stream.closing = true;
    stream.room.notify_one();
}

/// The thread of a stream. It stops reading, and so does the worker sending, while nobody takes the items.
void BrokerStreams::read(const std::shared_ptr<Stream>& stream) {
    while (true) {
        auto item = stream->raw.next();
        const bool is_over = !item || !*item;
        auto end = is_over ? std::optional{stream->raw.result()} : std::nullopt;
        std::unique_lock lock{stream->mutex};
        if (is_over)
            stream->end = std::move(end);
        else
            stream->items.push_back(std::move(**item));
        if (!std::exchange(stream->posted, true)) boost::asio::post(loop_, [this, stream] { hand_out(*stream); });
        if (is_over) return;
        stream->room.wait(lock, [&] { return stream->items.size() < most_items || stream->closing; });
    }
}

void BrokerStreams::hand_out(Stream& stream) {
    std::unique_lock lock{stream.mutex};
    stream.posted = false;
    while (!stream.cancelled && !stream.items.empty()) {
        const auto item = std::move(stream.items.front());
        lock.unlock();
        const bool taken = stream.item(item);
        lock.lock();
        if (!taken) {
            stream.items.front() = item;
            return;
        }
        stream.items.pop_front();
    }
    stream.room.notify_one();
    if (!stream.end) return lock.unlock(), flush_();
    auto end = std::move(*stream.end);
    lock.unlock();
    const auto done = stream.cancelled ? Calls::Done{} : std::move(stream.done);
    forget(stream.id);
    if (done) done(std::move(end));
    flush_();
}

void BrokerStreams::forget(CallId id) {
    auto node = streams_.extract(id);
    if (node && node.mapped()->reader.joinable()) node.mapped()->reader.join();
}

void BrokerStreams::resume() {
    std::vector<std::shared_ptr<Stream>> held;
    for (const auto& [id, stream] : streams_) {
        const std::lock_guard lock{stream->mutex};
        if (!stream->posted && (!stream->items.empty() || stream->end)) held.push_back(stream);
    }
    for (const auto& stream : held) hand_out(*stream);
}

}  // namespace rpcbroker
