#include "engine/wire/address_text.h"

#include <array>
#include <bit>
#include <cstring>

#include "engine/limits.h"
#include "engine/wire/fields.h"

namespace rollcall::engine {
namespace {

constexpr std::size_t kGroups = 8;

// ---- Writing ----

// `7.`, `42.` or `255.`: a number below 256 and what follows it in an IPv4 address.
struct OctetText {
  std::array<char, 4> text{};
  std::uint8_t length = 0;
};

constexpr std::array<OctetText, 256> make_octet_texts() {
  std::array<OctetText, 256> texts{};
  for (std::size_t octet = 0; octet < texts.size(); ++octet) {
    OctetText& text = texts[octet];
    const auto append = [&text](std::size_t digit) {
      text.text[text.length++] = static_cast<char>('0' + digit);
    };
    if (octet >= 100) append(octet / 100);
    if (octet >= 10) append(octet / 10 % 10);
    append(octet % 10);
    text.text[text.length++] = '.';
  }
  return texts;
}

constexpr std::array<OctetText, 256> kOctetTexts = make_octet_texts();

// Writes `10.0.0.7.` and returns where the last dot is. Copies all four bytes of a number's text,
// whatever its length: the next number overwrites what is too much.
char* write_v4(const HostAddress& host, char* to) {
  for (std::size_t i = 12; i < 16; ++i) {
    const OctetText& octet = kOctetTexts[host.bytes[i]];
    std::memcpy(to, octet.text.data(), octet.text.size());
    to += octet.length;
  }
  return to - 1;
}

constexpr std::array<std::array<char, 2>, 100> make_digit_pairs() {
  std::array<std::array<char, 2>, 100> pairs{};
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    pairs[i] = {static_cast<char>('0' + i / 10), static_cast<char>('0' + i % 10)};
  }
  return pairs;
}

constexpr std::array<std::array<char, 2>, 100> kDigitPairs = make_digit_pairs();

char* write_port(std::uint16_t port, char* to) {
  const auto append = [&to](char digit) { *to++ = digit; };
  const auto append_pair = [&to](unsigned pair) {
    std::memcpy(to, kDigitPairs[pair].data(), 2);
    to += 2;
  };
  if (port >= 10000) {
    append(static_cast<char>('0' + port / 10000));
    append_pair(port / 100 % 100);
    append_pair(port % 100);
  } else if (port >= 1000) {
    append_pair(port / 100);
    append_pair(port % 100);
  } else if (port >= 100) {
    append(static_cast<char>('0' + port / 100));
    append_pair(port % 100);
  } else if (port >= 10) {
    append_pair(port);
  } else {
    append(static_cast<char>('0' + port));
  }
  return to;
}

constexpr std::uint16_t group_of(const HostAddress& host, std::size_t group) {
  return static_cast<std::uint16_t>(host.bytes[2 * group] << 8 | host.bytes[2 * group + 1]);
}

// The groups that `::` stands for: [first, end).
struct ZeroRun {
  std::size_t first = kGroups;
  std::size_t end = kGroups;

  std::size_t length() const { return end - first; }
};

// The longest run of two or more zero groups, of several the first (RFC 5952, section 4.2).
ZeroRun longest_zero_run(const HostAddress& host) {
  ZeroRun longest;
  std::size_t first = 0;
  while (first < kGroups) {
    std::size_t end = first;
    while (end < kGroups && group_of(host, end) == 0) ++end;
    if (end - first >= 2 && end - first > longest.length()) longest = {first, end};
    first = end + 1;
  }
  return longest;
}

char* write_group(std::uint16_t group, char* to) {
  static constexpr char kDigits[] = "0123456789abcdef";
  const int digits = group == 0 ? 1 : (std::bit_width(group) + 3) / 4;
  for (int shift = 4 * (digits - 1); shift >= 0; shift -= 4) *to++ = kDigits[group >> shift & 0xF];
  return to;
}

char* write_v6(const HostAddress& host, char* to) {
  const ZeroRun run = longest_zero_run(host);
  for (std::size_t i = 0; i < kGroups; ++i) {
    if (i == run.first) {
      *to++ = ':';
      *to++ = ':';
      i = run.end;
      if (i == kGroups) break;
    } else if (i > 0) {
      *to++ = ':';
    }
    to = write_group(group_of(host, i), to);
  }
  return to;
}

// ---- Reading ----

// Takes the text before the first `separator` away from `rest`, and the separator; all of it if
// there is none.
std::string_view take_until(char separator, std::string_view& rest) {
  const std::size_t end = rest.find(separator);
  const std::string_view taken = rest.substr(0, end);
  rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  return taken;
}

using V4Octets = std::array<std::uint8_t, 4>;

std::optional<V4Octets> parse_v4(std::string_view text) {
  V4Octets octets{};
  for (std::size_t i = 0; i < octets.size(); ++i) {
    const bool is_last = i + 1 == octets.size();
    if (is_last == (text.find('.') != std::string_view::npos)) return std::nullopt;
    const std::optional<std::uint32_t> octet = parse_decimal(take_until('.', text), 3);
    if (!octet || *octet > 0xFF) return std::nullopt;
    octets[i] = static_cast<std::uint8_t>(*octet);
  }
  return octets;
}

// One to four hexadecimal digits, of either case.
std::optional<std::uint16_t> parse_group(std::string_view text) {
  if (text.empty() || text.size() > 4) return std::nullopt;
  unsigned value = 0;
  for (const char digit : text) {
    unsigned digit_value = 0;
    if ('0' <= digit && digit <= '9') {
      digit_value = static_cast<unsigned>(digit - '0');
    } else if ('a' <= digit && digit <= 'f') {
      digit_value = static_cast<unsigned>(digit - 'a' + 10);
    } else if ('A' <= digit && digit <= 'F') {
      digit_value = static_cast<unsigned>(digit - 'A' + 10);
    } else {
      return std::nullopt;
    }
    value = value << 4 | digit_value;
  }
  return static_cast<std::uint16_t>(value);
}

// The groups on one side of `::`, or of an address without one.
struct GroupList {
  std::array<std::uint16_t, kGroups> groups{};
  std::size_t size = 0;

  bool append(std::uint16_t group) {
    if (size == groups.size()) return false;
    groups[size++] = group;
    return true;
  }
};

enum class V4Tail { kForbidden, kAllowed };

// Reads groups with a colon between any two; the last one may be an IPv4 address where `tail`
// allows it. An empty text is an empty list.
std::optional<GroupList> parse_groups(std::string_view text, V4Tail tail) {
  GroupList list;
  bool more = !text.empty();
  while (more) {
    more = text.find(':') != std::string_view::npos;
    const std::string_view part = take_until(':', text);
    if (!more && tail == V4Tail::kAllowed && part.find('.') != std::string_view::npos) {
      const std::optional<V4Octets> v4 = parse_v4(part);
      if (!v4) return std::nullopt;
      const auto group = [&v4](std::size_t i) {
        return static_cast<std::uint16_t>((*v4)[i] << 8 | (*v4)[i + 1]);
      };
      if (!list.append(group(0)) || !list.append(group(2))) return std::nullopt;
    } else {
      const std::optional<std::uint16_t> group = parse_group(part);
      if (!group || !list.append(*group)) return std::nullopt;
    }
  }
  return list;
}

void set_groups(const GroupList& list, std::size_t first, HostAddress& host) {
  for (std::size_t i = 0; i < list.size; ++i) {
    host.bytes[2 * (first + i)] = static_cast<std::uint8_t>(list.groups[i] >> 8);
    host.bytes[2 * (first + i) + 1] = static_cast<std::uint8_t>(list.groups[i]);
  }
}

std::optional<HostAddress> parse_v6(std::string_view text) {
  HostAddress host;
  const std::size_t gap = text.find("::");
  if (gap == std::string_view::npos) {
    const std::optional<GroupList> all = parse_groups(text, V4Tail::kAllowed);
    if (!all || all->size != kGroups) return std::nullopt;
    set_groups(*all, 0, host);
    return host;
  }
  const std::optional<GroupList> head = parse_groups(text.substr(0, gap), V4Tail::kForbidden);
  const std::optional<GroupList> tail = parse_groups(text.substr(gap + 2), V4Tail::kAllowed);
  if (!head || !tail) return std::nullopt;
  // `::` stands for one group or more (RFC 4291, section 2.2).
  if (head->size + tail->size >= kGroups) return std::nullopt;
  set_groups(*head, 0, host);
  set_groups(*tail, kGroups - tail->size, host);
  return host;
}

}  // namespace

std::size_t write_host(const HostAddress& host, char* to) {
  char* const end = host.is_v4() ? write_v4(host, to) : write_v6(host, to);
  return static_cast<std::size_t>(end - to);
}

std::size_t write_endpoint(const Endpoint& endpoint, char* to) {
  char* end = to;
  if (endpoint.host.is_v4()) {
    end = write_v4(endpoint.host, end);
  } else {
    *end++ = '[';
    end = write_v6(endpoint.host, end);
    *end++ = ']';
  }
  *end++ = ':';
  end = write_port(endpoint.port, end);
  return static_cast<std::size_t>(end - to);
}

std::optional<HostAddress> parse_host(std::string_view text) {
  if (text.find(':') != std::string_view::npos) return parse_v6(text);
  const std::optional<V4Octets> v4 = parse_v4(text);
  if (!v4) return std::nullopt;
  return HostAddress::v4((*v4)[0], (*v4)[1], (*v4)[2], (*v4)[3]);
}

std::optional<Endpoint> parse_endpoint(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  const bool is_bracketed = host.size() >= 2 && host.front() == '[' && host.back() == ']';
  if (is_bracketed) host = host.substr(1, host.size() - 2);
  // Brackets are for IPv6 and only for IPv6.
  if (is_bracketed != (host.find(':') != std::string_view::npos)) return std::nullopt;

  const std::optional<HostAddress> address = parse_host(host);
  const std::optional<std::uint32_t> port =
      parse_decimal(text.substr(colon + 1), limits::kPortDigitsMax);
  if (!address || !port || *port > 0xFFFF) return std::nullopt;
  return Endpoint{*address, static_cast<std::uint16_t>(*port)};
}

}  // namespace rollcall::engine
