// The bytes of a connection, to and from the system, without waiting.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace rpcbroker {

class Channel {
public:
    enum class Is : std::uint8_t {
        some,     ///< bytes were moved
        wait,     ///< none now
        over,     ///< the client hung up
        broken,   ///< the client said what this channel does not understand
        not_tls,  ///< it did not begin with TLS, where that is wanted: what was read is as it came
    };
    struct Moved {
        Is is = Is::wait;
        std::size_t size = 0;
    };
    /// What read() wants to have room for, at least.
    static constexpr std::size_t read_size = std::size_t{64} * 1024;

    virtual ~Channel() = default;
    virtual Moved read(std::span<char> into) = 0;
    /// How many bytes the system took. What it did not take is offered again, and perhaps more behind it.
    virtual Moved write(std::string_view bytes) = 0;
    /// Tells the client that nothing more comes, if there is a way to.
    virtual void end() = 0;
    /// Whether the client may speak its protocol: no handshake is under way.
    [[nodiscard]] virtual bool is_open() const = 0;
    /// Whether it has to write before it can read on.
    [[nodiscard]] virtual bool reads_once_writable() const = 0;
};

/// As they come. The socket does not block, and is open as long as this is used.
class PlainChannel final : public Channel {
public:
    explicit PlainChannel(int socket) : socket_(socket) {}

    Moved read(std::span<char> into) override;
    Moved write(std::string_view bytes) override;
    void end() override {}
    [[nodiscard]] bool is_open() const override { return true; }
    [[nodiscard]] bool reads_once_writable() const override { return false; }

private:
    int socket_;
};

}  // namespace rpcbroker
