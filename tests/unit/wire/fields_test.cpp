#include "engine/wire/fields.h"

#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/limits.h"

namespace rollcall::engine {
namespace {

// ---- Nicks ----

// What RFC 3629 says, the slow way round: decodes by the bit patterns, then asks of the result what
// the grammar asks of the bytes.
class ReferenceDecoder {
 public:
  static bool is_valid_nick(std::string_view text) {
    if (text.empty() || text.size() > 255) return false;
    while (!text.empty()) {
      if (!take_character(text)) return false;
    }
    return true;
  }

 private:
  static bool take_character(std::string_view& text) {
    const unsigned lead = static_cast<unsigned char>(text[0]);
    std::size_t length = 0;
    while (length < 8 && (lead & (0x80u >> length)) != 0) ++length;
    const bool is_ascii = length == 0;
    if (is_ascii) length = 1;
    if ((!is_ascii && length == 1) || length > 4 || length > text.size()) return false;

    std::uint32_t point = is_ascii ? lead : lead & (0xFFu >> (length + 1));
    for (std::size_t i = 1; i < length; ++i) {
      const unsigned byte = static_cast<unsigned char>(text[i]);
      if ((byte & 0xC0) != 0x80) return false;
      point = point << 6 | (byte & 0x3F);
    }
    text.remove_prefix(length);
    return length == shortest_length(point) && is_allowed(point);
  }

  static std::size_t shortest_length(std::uint32_t point) {
    return point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
  }

  static bool is_allowed(std::uint32_t point) {
    const bool is_control = point <= 0x1F || (point >= 0x7F && point <= 0x9F);
    const bool is_surrogate = point >= 0xD800 && point <= 0xDFFF;
    return !is_control && !is_surrogate && point <= 0x10FFFF;
  }
};

std::string bytes(std::initializer_list<std::size_t> values) {
  std::string text;
  for (const std::size_t value : values) text += static_cast<char>(value);
  return text;
}

std::string hex(std::string_view text) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    out += {kDigits[byte >> 4], kDigits[byte & 0xF], ' '};
  }
  return out;
}

// Judges `text` as it is, and at every place of a longer text, so that it meets every path of the
// check and every alignment of its eight-byte steps.
void expect_same_as_reference_everywhere(const std::string& text) {
  ASSERT_EQ(is_valid_nick(text), ReferenceDecoder::is_valid_nick(text)) << hex(text);
  for (std::size_t before = 0; before <= 9; ++before) {
    for (const std::size_t after : {0u, 1u, 7u, 8u, 9u}) {
      const std::string longer = std::string(before, 'a') + text + std::string(after, 'z');
      ASSERT_EQ(is_valid_nick(longer), ReferenceDecoder::is_valid_nick(longer)) << hex(longer);
    }
  }
}

// The bytes at which a rule of RFC 3629 begins or ends, and their neighbours.
std::vector<std::size_t> boundary_bytes() {
  return {0x00, 0x1F, 0x20, 0x41, 0x7E, 0x7F, 0x80, 0x81, 0x8F, 0x90, 0x91, 0x9F,
          0xA0, 0xA1, 0xBE, 0xBF, 0xC0, 0xC1, 0xC2, 0xC3, 0xDF, 0xE0, 0xE1, 0xEC,
          0xED, 0xEE, 0xEF, 0xF0, 0xF1, 0xF3, 0xF4, 0xF5, 0xF7, 0xF8, 0xFE, 0xFF};
}

TEST(Nick, EveryByteIsJudgedAsTheReferenceDoes) {
  for (std::size_t a = 0; a < 256; ++a) expect_same_as_reference_everywhere(bytes({a}));
}

TEST(Nick, EveryTwoByteSequenceIsJudgedAsTheReferenceDoes) {
  for (std::size_t a = 0; a < 256; ++a) {
    for (std::size_t b = 0; b < 256; ++b) expect_same_as_reference_everywhere(bytes({a, b}));
  }
}

TEST(Nick, EveryThreeByteSequenceIsJudgedAsTheReferenceDoes) {
  for (std::size_t a = 0xC0; a < 256; ++a) {
    for (std::size_t b = 0; b < 256; ++b) {
      for (std::size_t c = 0; c < 256; ++c) {
        const std::string text = bytes({a, b, c});
        ASSERT_EQ(is_valid_nick(text), ReferenceDecoder::is_valid_nick(text)) << hex(text);
      }
    }
  }
}

TEST(Nick, EveryFourByteSequenceOfBoundaryBytesIsJudgedAsTheReferenceDoes) {
  for (const std::size_t a : boundary_bytes()) {
    for (const std::size_t b : boundary_bytes()) {
      for (const std::size_t c : boundary_bytes()) {
        for (const std::size_t d : boundary_bytes()) {
          const std::string text = bytes({a, b, c, d});
          ASSERT_EQ(is_valid_nick(text), ReferenceDecoder::is_valid_nick(text)) << hex(text);
        }
      }
    }
  }
}

TEST(Nick, EveryLeadAndSecondByteOfFourIsJudgedAsTheReferenceDoes) {
  for (std::size_t a = 0xF0; a < 256; ++a) {
    for (std::size_t b = 0; b < 256; ++b) {
      expect_same_as_reference_everywhere(bytes({a, b, 0x80, 0xBF}));
    }
  }
}

TEST(Nick, IsOneTo255Bytes) {
  EXPECT_FALSE(is_valid_nick(""));
  for (std::size_t size = 1; size <= 255; ++size) {
    EXPECT_TRUE(is_valid_nick(std::string(size, 'n'))) << size;
  }
  EXPECT_FALSE(is_valid_nick(std::string(256, 'n')));
  EXPECT_FALSE(is_valid_nick(std::string(4096, 'n')));
}

TEST(Nick, OfCharactersOfSeveralBytesIsMeasuredInBytes) {
  std::string nick(1, 'n');
  for (int i = 0; i < 127; ++i) nick += "é";
  EXPECT_EQ(nick.size(), 255u);
  EXPECT_TRUE(is_valid_nick(nick));
  EXPECT_FALSE(is_valid_nick(nick + "n"));
}

TEST(Nick, CanBeAnythingPrintable) {
  for (const std::string_view nick :
       {"alice", "Alice", " ", "  a b  ", "10.0.0.7:65400", "['x', \"y\"]", "élise", "日本語",
        "🦀", "e\u0301", "\u00A0", "\u202E", "\uFEFF", "\uFFFF", "\U0010FFFF"}) {
    EXPECT_TRUE(is_valid_nick(nick)) << nick;
  }
}

TEST(Nick, WithAControlCharacterAnywhereIsRefused) {
  for (std::size_t place = 0; place < 40; ++place) {
    for (const std::string_view control :
         {"\t", "\n", "\r", "\x1B", "\x7F", "\xC2\x80", "\xC2\x85", "\xC2\x9F"}) {
      std::string nick(40, 'n');
      nick.insert(place, control);
      EXPECT_FALSE(is_valid_nick(nick)) << hex(nick);
    }
  }
}

TEST(Nick, CutInsideACharacterIsRefused) {
  for (const std::string_view whole : {"é", "語", "🦀"}) {
    for (std::size_t size = 1; size < whole.size(); ++size) {
      for (std::size_t before = 0; before < 20; ++before) {
        const std::string nick = std::string(before, 'n') + std::string(whole.substr(0, size));
        EXPECT_FALSE(is_valid_nick(nick)) << hex(nick);
      }
    }
  }
}

// The copy fills its allocation, so that AddressSanitizer sees a read of one byte too many.
TEST(Nick, IsReadOnlyWhereItIs) {
  for (std::size_t size = 1; size <= 255; ++size) {
    const auto copy = std::make_unique<char[]>(size);
    for (std::size_t i = 0; i < size; ++i) copy[i] = 'n';
    EXPECT_TRUE(is_valid_nick({copy.get(), size}));
    copy[size - 1] = '\n';
    EXPECT_FALSE(is_valid_nick({copy.get(), size}));
    copy[size - 1] = '\xF0';
    EXPECT_FALSE(is_valid_nick({copy.get(), size}));
  }
}

// ---- Numbers ----

TEST(Port, IsEveryNumberFrom1To65535) {
  EXPECT_EQ(parse_port("0"), std::nullopt);
  for (std::uint32_t port = 1; port <= 0xFFFF; ++port) {
    EXPECT_EQ(parse_port(std::to_string(port)), port);
  }
  for (std::uint32_t port = 0x10000; port <= 0x40000; ++port) {
    EXPECT_EQ(parse_port(std::to_string(port)), std::nullopt) << port;
  }
  for (const std::string_view text : {"99999", "4294967376", "18446744073709551696"}) {
    EXPECT_EQ(parse_port(text), std::nullopt) << text;
  }
}

TEST(Port, InAnyOtherFormIsRefused) {
  for (const std::string_view text :
       {"",    " ",     "80 ", " 80",   "8 0", "\t80",  "80\t", "80\r", "80\n", "+80",
        "-80", "-1",    "080", "00080", "00",  "00000", "0x50", "1e4",  "80.",  "80/",
        "8:0", "65,53", "1_0", "a",     "99a", "٨٠",    "８０", "²"}) {
    EXPECT_EQ(parse_port(text), std::nullopt) << text;
  }
  EXPECT_EQ(parse_port(std::string_view("80\0", 3)), std::nullopt);
  EXPECT_EQ(parse_port(std::string_view("\0", 1)), std::nullopt);
}

TEST(Port, WithAnyByteThatIsNoDigitIsRefused) {
  for (std::size_t value = 0; value < 256; ++value) {
    if (value >= '0' && value <= '9') continue;
    for (std::size_t place = 0; place < 4; ++place) {
      std::string text = "1234";
      text[place] = static_cast<char>(value);
      EXPECT_EQ(parse_port(text), std::nullopt) << hex(text);
    }
  }
}

TEST(Decimal, HasAtMostTheDigitsThatAreAllowed) {
  EXPECT_EQ(parse_decimal("9999", 4), 9999u);
  EXPECT_EQ(parse_decimal("10000", 4), std::nullopt);
  EXPECT_EQ(parse_decimal("999999999", 9), 999'999'999u);
  EXPECT_EQ(parse_decimal("1", 0), std::nullopt);
}

TEST(Decimal, MayBeZeroButNotBeginWithIt) {
  EXPECT_EQ(parse_decimal("0", 4), 0u);
  EXPECT_EQ(parse_decimal("00", 4), std::nullopt);
  EXPECT_EQ(parse_decimal("01", 4), std::nullopt);
}

TEST(DecimalDeathTest, OfMoreDigitsThanFitIsOurOwnMistake) {
  EXPECT_DEATH(parse_decimal("1", 10), "digits_max <= 9");
}

// ---- Cookies ----

constexpr std::string_view kCookieText = "00010203040506070809fafbfcfdfeff";

std::string text_of(const Cookie& cookie) {
  std::string text(kCookieTextBytes, '?');
  write_cookie(cookie, text.data());
  return text;
}

TEST(Cookie, Is32LowerCaseHexadecimalDigitsTheFirstByteFirst) {
  const std::optional<Cookie> cookie = parse_cookie(kCookieText);
  ASSERT_TRUE(cookie);
  EXPECT_EQ(cookie->bytes, (std::array<std::uint8_t, 16>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0xFA, 0xFB,
                                                         0xFC, 0xFD, 0xFE, 0xFF}));
  EXPECT_EQ(text_of(*cookie), kCookieText);
}

TEST(Cookie, OfEveryByteValueIsReadAsItWasWritten) {
  for (std::size_t value = 0; value < 256; ++value) {
    Cookie cookie;
    for (std::size_t i = 0; i < cookie.bytes.size(); ++i) {
      cookie.bytes[i] = static_cast<std::uint8_t>(value + i);
    }
    EXPECT_EQ(parse_cookie(text_of(cookie)), cookie);
  }
}

TEST(Cookie, OfAnotherLengthIsRefused) {
  EXPECT_EQ(parse_cookie(""), std::nullopt);
  EXPECT_EQ(parse_cookie("new"), std::nullopt);
  EXPECT_EQ(parse_cookie(kCookieText.substr(1)), std::nullopt);
  EXPECT_EQ(parse_cookie(std::string(kCookieText) + "0"), std::nullopt);
  EXPECT_EQ(parse_cookie(std::string(64, 'a')), std::nullopt);
}

TEST(Cookie, WithAnyByteThatIsNoLowerCaseDigitIsRefused) {
  for (std::size_t value = 0; value < 256; ++value) {
    const char byte = static_cast<char>(value);
    const bool is_digit = (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'f');
    for (std::size_t place = 0; place < kCookieText.size(); ++place) {
      std::string text(kCookieText);
      text[place] = byte;
      EXPECT_EQ(parse_cookie(text).has_value(), is_digit) << hex(text);
    }
  }
}

}  // namespace
}  // namespace rollcall::engine
