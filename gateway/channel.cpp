#include "gateway/channel.hpp"

#include <cerrno>

#include <sys/socket.h>

namespace rpcbroker {

namespace {

Channel::Moved failed() noexcept {
    const bool may_wait = errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
    return {may_wait ? Channel::Is::wait : Channel::Is::over, 0};
}

}  // namespace

Channel::Moved PlainChannel::read(std::span<char> into) {
    const auto size = ::recv(socket_, into.data(), into.size(), 0);
    if (size < 0) return failed();
    return {size > 0 ? Is::some : Is::over, static_cast<std::size_t>(size)};
}

Channel::Moved PlainChannel::write(std::string_view bytes) {
    const auto size = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (size < 0) return failed();
    return {Is::some, static_cast<std::size_t>(size)};
}

}  // namespace rpcbroker
