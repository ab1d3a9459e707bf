#include "engine/wire/address_text.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/random.h"

namespace rollcall::engine {
namespace {

std::string text_of(const HostAddress& host) {
  std::array<char, kHostTextBytesMax> text{};
  return {text.data(), write_host(host, text.data())};
}

std::string text_of(const Endpoint& endpoint) {
  std::array<char, kEndpointTextBytesMax> text{};
  return {text.data(), write_endpoint(endpoint, text.data())};
}

HostAddress v6(std::array<std::uint16_t, 8> groups) {
  HostAddress host;
  for (std::size_t i = 0; i < groups.size(); ++i) {
    host.bytes[2 * i] = static_cast<std::uint8_t>(groups[i] >> 8);
    host.bytes[2 * i + 1] = static_cast<std::uint8_t>(groups[i]);
  }
  return host;
}

// What the C library makes of the text, IPv4 as ::ffff:a.b.c.d.
std::optional<HostAddress> parse_with_the_c_library(const std::string& text) {
  HostAddress host = HostAddress::v4(0, 0, 0, 0);
  if (inet_pton(AF_INET, text.c_str(), host.bytes.data() + 12) == 1) return host;
  if (inet_pton(AF_INET6, text.c_str(), host.bytes.data()) == 1) return host;
  return std::nullopt;
}

// ---- IPv4 ----

TEST(AddressText, WritesEveryNumberOfAnIpv4AddressAtEveryPlace) {
  for (unsigned value = 0; value < 256; ++value) {
    const auto octet = static_cast<std::uint8_t>(value);
    const std::string digits = std::to_string(value);
    EXPECT_EQ(text_of(HostAddress::v4(octet, 0, 10, 255)), digits + ".0.10.255");
    EXPECT_EQ(text_of(HostAddress::v4(1, octet, 10, 255)), "1." + digits + ".10.255");
    EXPECT_EQ(text_of(HostAddress::v4(1, 22, octet, 255)), "1.22." + digits + ".255");
    EXPECT_EQ(text_of(HostAddress::v4(1, 22, 133, octet)), "1.22.133." + digits);
  }
}

TEST(AddressText, ReadsWhatItWroteOfIpv4) {
  SampleGenerator random(1);
  for (int i = 0; i < 20'000; ++i) {
    const std::uint64_t bits = random.next();
    const HostAddress host = HostAddress::v4(
        static_cast<std::uint8_t>(bits), static_cast<std::uint8_t>(bits >> 8),
        static_cast<std::uint8_t>(bits >> 16), static_cast<std::uint8_t>(bits >> 24));
    ASSERT_EQ(parse_host(text_of(host)), host);
  }
}

TEST(AddressText, RefusesIpv4InAnyOtherForm) {
  for (const std::string_view text :
       {"",          ".",          "...",       "1",         "1.2",       "1.2.3",
        "1.2.3.",    ".1.2.3",     "1..2.3",    "1.2.3.4.",  "1.2.3.4.5", "256.1.1.1",
        "1.1.1.256", "1.1.1.1000", "01.2.3.4",  "1.2.3.04",  "1.2.3.00",  "0x7f.0.0.1",
        "127.1",     "2130706433", " 1.2.3.4",  "1.2.3.4 ",  "1.2.3.4\n", "+1.2.3.4",
        "1.2.3.-4",  "1,2,3,4",    "1.2.3.4/8", "[1.2.3.4]", "localhost", "1.2.3.a"}) {
    EXPECT_EQ(parse_host(text), std::nullopt) << text;
  }
  EXPECT_EQ(parse_host(std::string_view("1.2.3.4\0", 8)), std::nullopt);
}

// ---- IPv6, by the sections of RFC 5952 ----

TEST(AddressText, SuppressesLeadingZerosOfAGroup) {  // 4.1
  EXPECT_EQ(text_of(v6({0x2001, 0x0DB8, 1, 2, 3, 0x40, 0x500, 1})), "2001:db8:1:2:3:40:500:1");
  EXPECT_EQ(text_of(v6({0x2001, 0xDB8, 0xA, 0, 0xB, 0, 0xC, 0xD})), "2001:db8:a:0:b:0:c:d");
}

TEST(AddressText, ShortensAsMuchAsPossible) {  // 4.2.1
  EXPECT_EQ(text_of(v6({0x2001, 0xDB8, 0, 0, 0, 0, 2, 1})), "2001:db8::2:1");
  EXPECT_EQ(text_of(v6({0, 0, 0, 0, 0, 0, 0, 0})), "::");
  EXPECT_EQ(text_of(v6({0, 0, 0, 0, 0, 0, 0, 1})), "::1");
  EXPECT_EQ(text_of(v6({1, 0, 0, 0, 0, 0, 0, 0})), "1::");
}

TEST(AddressText, DoesNotShortenASingleZeroGroup) {  // 4.2.2
  EXPECT_EQ(text_of(v6({0x2001, 0xDB8, 0, 1, 1, 1, 1, 1})), "2001:db8:0:1:1:1:1:1");
  EXPECT_EQ(text_of(v6({0, 1, 1, 1, 1, 1, 1, 0})), "0:1:1:1:1:1:1:0");
}

TEST(AddressText, ShortensTheLongestRunAndOfSeveralTheFirst) {  // 4.2.3
  EXPECT_EQ(text_of(v6({0x2001, 0, 0, 1, 0, 0, 0, 1})), "2001:0:0:1::1");
  EXPECT_EQ(text_of(v6({0x2001, 0xDB8, 0, 0, 1, 0, 0, 1})), "2001:db8::1:0:0:1");
  EXPECT_EQ(text_of(v6({0, 0, 1, 0, 0, 1, 0, 0})), "::1:0:0:1:0:0");
  EXPECT_EQ(text_of(v6({0, 0, 1, 0, 0, 0, 0, 0})), "0:0:1::");
}

TEST(AddressText, WritesLowerCase) {  // 4.3
  EXPECT_EQ(text_of(v6({0xABCD, 0xEF01, 0x2345, 0x6789, 0xABCD, 0xEF01, 0x2345, 0x6789})),
            "abcd:ef01:2345:6789:abcd:ef01:2345:6789");
}

TEST(AddressText, PutsIpv6InBracketsBeforeAPort) {  // 6
  EXPECT_EQ(text_of(Endpoint{v6({0x2001, 0xDB8, 0, 0, 0, 0, 0, 1}), 80}), "[2001:db8::1]:80");
}

TEST(AddressText, NeverNeedsMoreRoomThanItSays) {
  HostAddress longest;
  longest.bytes.fill(0xFF);
  EXPECT_EQ(text_of(longest).size(), kHostTextBytesMax);
  EXPECT_EQ(text_of(Endpoint{longest, 65535}).size(), kEndpointTextBytesMax);
  EXPECT_EQ(text_of(longest), "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
}

// Every choice of which groups are zero, against the C library, which follows the RFC but for
// addresses that end in an IPv4 address.
TEST(AddressText, WritesAndReadsEveryPatternOfZeroGroupsAsTheCLibraryDoes) {
  for (unsigned zeros = 0; zeros < 256; ++zeros) {
    std::array<std::uint16_t, 8> groups{};
    for (std::size_t i = 0; i < groups.size(); ++i) {
      groups[i] = (zeros >> i & 1) != 0 ? 0 : static_cast<std::uint16_t>(0xA000 >> 2 * i | i);
    }
    const HostAddress host = v6(groups);
    const std::string text = text_of(host);
    std::array<char, INET6_ADDRSTRLEN> expected{};
    inet_ntop(AF_INET6, host.bytes.data(), expected.data(), expected.size());
    if (std::string_view(expected.data()).find('.') == std::string_view::npos) {
      EXPECT_EQ(text, expected.data());
    }
    EXPECT_EQ(parse_host(text), host) << text;
    EXPECT_EQ(parse_with_the_c_library(text), host) << text;
  }
}

TEST(AddressText, ReadsEveryFormOfIpv6) {
  const HostAddress host = v6({0x2001, 0xDB8, 0, 0, 0, 0, 0x2, 0x1});
  for (const std::string_view text :
       {"2001:db8::2:1", "2001:db8:0:0:0:0:2:1", "2001:0db8:0000:0000:0000:0000:0002:0001",
        "2001:DB8::2:1", "2001:db8::0:2:1", "2001:db8:0::0:2:1", "2001:db8:0:0:0::2:1",
        "2001:db8::0.2.0.1", "2001:db8:0:0:0:0:0.2.0.1"}) {
    EXPECT_EQ(parse_host(text), host) << text;
  }
  EXPECT_EQ(parse_host("::"), HostAddress{});
  EXPECT_EQ(parse_host("1:2:3:4:5:6:7::"), v6({1, 2, 3, 4, 5, 6, 7, 0}));
  EXPECT_EQ(parse_host("::2:3:4:5:6:7:8"), v6({0, 2, 3, 4, 5, 6, 7, 8}));
}

TEST(AddressText, HasOneFormForAnIpv4AddressInIpv6) {
  const HostAddress host = HostAddress::v4(10, 0, 0, 7);
  EXPECT_EQ(parse_host("10.0.0.7"), host);
  EXPECT_EQ(parse_host("::ffff:10.0.0.7"), host);
  EXPECT_EQ(parse_host("::FFFF:a00:7"), host);
  EXPECT_EQ(parse_host("0:0:0:0:0:ffff:10.0.0.7"), host);
  EXPECT_EQ(text_of(host), "10.0.0.7");
}

TEST(AddressText, RefusesIpv6InAnyOtherForm) {
  for (const std::string_view text : {":",
                                      ":::",
                                      "1",
                                      "1:",
                                      ":1",
                                      "::1:",
                                      ":1::",
                                      "1::2::3",
                                      "1:::2",
                                      "1:2:3:4:5:6:7",
                                      "1:2:3:4:5:6:7:",
                                      "1:2:3:4:5:6:7:8:",
                                      "1:2:3:4:5:6:7:8:9",
                                      "1:2:3:4:5:6:7:8::",
                                      "::1:2:3:4:5:6:7:8",
                                      "1:2:3:4::5:6:7:8",
                                      "12345::",
                                      "g::",
                                      "::1%eth0",
                                      "::1%1",
                                      "[::1]",
                                      " ::1",
                                      "::1 ",
                                      "::1/64",
                                      "::1.2.3",
                                      "::1.2.3.4.5",
                                      "::1.2.3.256",
                                      "::01.2.3.4",
                                      "1.2.3.4::",
                                      "::1.2.3.4:5",
                                      "1:2:3:4:5:6:7:1.2.3.4",
                                      "1:2:3:4:5:1.2.3.4",
                                      "::-1",
                                      "::+1",
                                      "::0x1",
                                      "1:2:3:4:5:6:7:8 "}) {
    EXPECT_EQ(parse_host(text), std::nullopt) << text;
  }
  EXPECT_EQ(parse_host(std::string_view("::1\0", 4)), std::nullopt);
}

// Random texts of the letters that addresses are made of, many of them addresses or nearly so.
TEST(AddressText, AgreesWithTheCLibraryOnWhatIsAnAddress) {
  static constexpr std::string_view kPieces[] = {":",   "::", ".", "0",   "1",    "00", "255",
                                                 "256", "a",  "F", "db8", "ffff", "g",  "10.0.0.7"};
  SampleGenerator random(2);
  int addresses = 0;
  for (int i = 0; i < 300'000; ++i) {
    std::string text;
    const std::uint64_t pieces = 1 + random.below(16);
    for (std::uint64_t k = 0; k < pieces; ++k) {
      text += kPieces[random.below(std::size(kPieces))];
      if (random.below(2) == 0) text += ':';
    }
    const std::optional<HostAddress> expected = parse_with_the_c_library(text);
    ASSERT_EQ(parse_host(text), expected) << text;
    addresses += expected.has_value();
  }
  EXPECT_GT(addresses, 1000);
}

TEST(AddressText, AgreesWithTheCLibraryOnAddressesWithOneByteChanged) {
  SampleGenerator random(3);
  for (const std::string_view address :
       {"10.20.30.40", "2001:db8::2:1", "::ffff:10.0.0.7", "1:2:3:4:5:6:7:8", "::", "fe80::1"}) {
    for (std::size_t place = 0; place < address.size(); ++place) {
      // 0 would end the C library's text.
      for (int value = 1; value < 256; ++value) {
        std::string text(address);
        text[place] = static_cast<char>(value);
        ASSERT_EQ(parse_host(text), parse_with_the_c_library(text)) << text;
      }
      std::string shorter(address);
      shorter.erase(place, 1 + random.below(3));
      ASSERT_EQ(parse_host(shorter), parse_with_the_c_library(shorter)) << shorter;
    }
  }
}

// ---- Endpoints ----

TEST(AddressText, WritesAndReadsEveryPort) {
  const HostAddress v4_host = HostAddress::v4(127, 0, 0, 1);
  const HostAddress v6_host = v6({0, 0, 0, 0, 0, 0, 0, 1});
  for (unsigned value = 0; value <= 0xFFFF; ++value) {
    const auto port = static_cast<std::uint16_t>(value);
    const std::string digits = std::to_string(value);
    ASSERT_EQ(text_of(Endpoint{v4_host, port}), "127.0.0.1:" + digits);
    ASSERT_EQ(text_of(Endpoint{v6_host, port}), "[::1]:" + digits);
    ASSERT_EQ(parse_endpoint("127.0.0.1:" + digits), (Endpoint{v4_host, port}));
    ASSERT_EQ(parse_endpoint("[::1]:" + digits), (Endpoint{v6_host, port}));
  }
}

TEST(AddressText, RefusesEndpointsInAnyOtherForm) {
  for (const std::string_view text : {"",
                                      ":",
                                      "127.0.0.1",
                                      "127.0.0.1:",
                                      ":80",
                                      "127.0.0.1:65536",
                                      "127.0.0.1:080",
                                      "127.0.0.1:00",
                                      "127.0.0.1:-1",
                                      "127.0.0.1:+80",
                                      "127.0.0.1:80 ",
                                      " 127.0.0.1:80",
                                      "127.0.0.1: 80",
                                      "127.0.0.1 :80",
                                      "127.0.0.1:1:2",
                                      "127.0.0.1:100000",
                                      "127.0.0.1:a",
                                      "[127.0.0.1]:80",
                                      "::1:80",
                                      "::1",
                                      "[::1]",
                                      "[::1]:",
                                      "[::1]80",
                                      "[::1:80",
                                      "::1]:80",
                                      "[[::1]]:80",
                                      "[]:80",
                                      "[:80",
                                      "]:80",
                                      "[::1]:65536",
                                      "[::1]:080",
                                      "[::1%lo]:80",
                                      "localhost:80",
                                      "[::1]:80\n"}) {
    EXPECT_EQ(parse_endpoint(text), std::nullopt) << text;
  }
}

TEST(AddressText, ReadsWhatItWroteOfAnyEndpoint) {
  SampleGenerator random(4);
  for (int i = 0; i < 20'000; ++i) {
    Endpoint endpoint;
    // Half of the bytes are zero, so that there is something to shorten.
    for (std::uint8_t& byte : endpoint.host.bytes) {
      byte = static_cast<std::uint8_t>(random.below(2) * random.below(256));
    }
    endpoint.port = static_cast<std::uint16_t>(random.next());
    ASSERT_EQ(parse_endpoint(text_of(endpoint)), endpoint) << text_of(endpoint);
  }
}

}  // namespace
}  // namespace rollcall::engine
