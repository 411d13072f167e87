// The items of a call that streams, read as they come, and its result.
//
//     for (int item : client.stream<int>("EchoUtil.Range", 10)) use(item);     // throws Error if it ends with one
//
//     auto stream = client.stream<int>("EchoUtil.Range", 10);
//     while (true) {
//         auto item = stream.next();                                           // Result<std::optional<int>>
//         if (!item) return report(item.error());
//         if (!*item) break;                                                   // the end
//         use(**item);
//     }
//     auto total = stream.result<int>();                                       // Result<int>
//
// The sender is held back by the reader: only so many items are under way as CallOptions::window says, and the next are
// granted as items are read. What a reader that stops leaves in memory is bounded by that; heartbeats go on meanwhile.
// The call's timeout is for the whole stream. A stream whose broker or worker is lost ends with UNAVAILABLE, after the
// items that came; it is never run again once it was sent, idempotent or not.
//
// One thread at a time reads a stream; cancel() may be called by any thread meanwhile. A stream may outlive its Client.
#pragma once

#include <cstddef>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <rpcbroker/convert.hpp>
#include <rpcbroker/future.hpp>
#include <rpcbroker/raw_reply.hpp>
#include <rpcbroker/result.hpp>

namespace rpcbroker {

namespace detail {
class StreamReader;
}

/// The items as they came. Move-only. All members but valid() need a stream that a Client made.
class RawStream {
public:
    RawStream() noexcept;
    explicit RawStream(std::unique_ptr<detail::StreamReader> reader) noexcept;
    RawStream(RawStream&& other) noexcept;
    /// Gives up the stream that it was, as the destructor does.
    RawStream& operator=(RawStream&& other) noexcept;
    /// Cancels what has not ended.
    ~RawStream();

    [[nodiscard]] bool valid() const noexcept { return reader_ != nullptr; }

    /// Waits for the next item: one MessagePack value. Nothing at the end; the error if it ended with one. After the end
    /// it says the same again.
    Result<std::optional<std::string>> next();
    /// Waits for the end, and gives the result or the error, as often as it is asked. Items that were not read are read
    /// and dropped; cancel() first where the rest does not matter.
    Result<RawReply> result();
    /// Ends the stream with CANCELLED and tells the broker; items that came and were not read are dropped. So does
    /// Client::close(). Nothing happens to one that has ended, though its last items may still be read.
    void cancel();
    /// The same for the reader alone, and what it ends with is `error`: an item made no sense.
    void give_up(Error error);

private:
    std::unique_ptr<detail::StreamReader> reader_;
};

/// Items of type T, as an input range: each is moved past by reading the next. Move-only; moving it makes its iterators
/// invalid. A loop that was left goes on behind the last item when begin() is called again.
template <class T>
class Stream {
    static_assert(!borrows<T>, "an item must own what it holds: take std::string, Bytes or RawValue, not a view");

public:
    class Iterator {
    public:
        using iterator_concept = std::input_iterator_tag;
        using value_type = T;
        using difference_type = std::ptrdiff_t;

        Iterator() = default;
        explicit Iterator(Stream& stream) noexcept : stream_(&stream) {}

        T& operator*() const noexcept { return *stream_->current_; }
        T* operator->() const noexcept { return &*stream_->current_; }
        /// Throws the Error that the stream ended with.
        Iterator& operator++() {
            stream_->current_ = stream_->next().value();
            return *this;
        }
        void operator++(int) { ++*this; }
        bool operator==(std::default_sentinel_t) const noexcept { return !stream_->current_.has_value(); }

    private:
        Stream* stream_ = nullptr;
    };

    Stream() = default;
    explicit Stream(RawStream raw) noexcept : raw_(std::move(raw)) {}

    [[nodiscard]] bool valid() const noexcept { return raw_.valid(); }

    /// Reads the next item; throws the Error that the stream ended with.
    Iterator begin() {
        Iterator first{*this};
        return ++first;
    }
    [[nodiscard]] std::default_sentinel_t end() const noexcept { return {}; }

    /// The next item, nothing at the end, or the error. An item that is no T cancels the stream: INTERNAL, by the
    /// client.
    Result<std::optional<T>> next() {
        auto packed = raw_.next();
        if (!packed) return std::move(packed).error();
        if (!*packed) return std::optional<T>{};
        auto item = unpack_value<T>(**packed, "item");
        if (item) return std::optional<T>{std::move(*item)};
        auto error = detail::unexpected_result(item.error());
        raw_.give_up(error);
        return error;
    }
    /// What the call returned after its items. See RawStream::result.
    template <class R = void>
    Result<R> result() {
        return detail::unpack_reply<R>(raw_.result());
    }
    void cancel() { raw_.cancel(); }

private:
    RawStream raw_;
    std::optional<T> current_;
};

}  // namespace rpcbroker
