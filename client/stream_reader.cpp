#include "client/stream_reader.hpp"

#include <utility>

#include <rpcbroker/stream.hpp>

namespace rpcbroker {

namespace detail {

namespace {

NewCall with_credit(NewCall call, const StreamWindow& window) {
    call.stream = window.initial();
    return call;
}

}  // namespace

StreamReader::StreamReader(std::shared_ptr<ClientRuntime> runtime, const NewCall& call)
    : runtime_(std::move(runtime)), window_(call.options.window), call_(runtime_->start(with_credit(call, window_))) {}

StreamReader::~StreamReader() { runtime_->cancel(*call_); }

Result<std::optional<std::string>> StreamReader::next() {
    if (!has_item()) {
        if (!*end_) return end_->error();
        return std::optional<std::string>{};
    }
    return std::optional{read()};
}

std::string StreamReader::read() {
    auto item = std::move(batch_[at_++]);
    if (const auto more = window_.on_read(item.size()); more > 0) runtime_->grant(*call_, more);
    return item;
}

/// Waits until there is one, or the end.
bool StreamReader::has_item() {
    if (call_->cancelled.load(std::memory_order_relaxed)) drop_items();
    if (at_ < batch_.size()) return true;
    if (end_) return false;
    drop_items();
    end_ = runtime_->take_items(*call_, batch_);
    return !end_;
}

void StreamReader::drop_items() noexcept {
    batch_.clear();
    at_ = 0;
}

Result<RawReply> StreamReader::result() {
    while (has_item()) read();
    return *end_;
}

void StreamReader::cancel() { runtime_->cancel(*call_); }

void StreamReader::give_up(Error error) {
    runtime_->cancel(*call_);
    drop_items();
    end_ = std::move(error);
}

}  // namespace detail

RawStream::RawStream() noexcept = default;
RawStream::RawStream(std::unique_ptr<detail::StreamReader> reader) noexcept : reader_(std::move(reader)) {}
RawStream::RawStream(RawStream&& other) noexcept = default;
RawStream& RawStream::operator=(RawStream&& other) noexcept = default;
RawStream::~RawStream() = default;

Result<std::optional<std::string>> RawStream::next() { return reader_->next(); }
Result<RawReply> RawStream::result() { return reader_->result(); }
void RawStream::cancel() { reader_->cancel(); }
void RawStream::give_up(Error error) { reader_->give_up(std::move(error)); }

}  // namespace rpcbroker
