#include "apps/printable.h"

#include <gtest/gtest.h>

namespace rollcall::apps {
namespace {

using namespace std::string_view_literals;

TEST(Printable, LeavesPrintableAsciiAsItIs) {
  EXPECT_EQ(printable("Bad message: bad nick ~!"), "Bad message: bad nick ~!");
  EXPECT_EQ(printable(""), "");
}

TEST(Printable, EscapesEveryOtherByte) {
  EXPECT_EQ(printable("\0\n\r\t\x1b\x7f\x80\xff"sv), "\\x00\\x0a\\x0d\\x09\\x1b\\x7f\\x80\\xff");
  EXPECT_EQ(printable("\u00e4"), "\\xc3\\xa4");
}

TEST(Printable, EscapesTheEscape) { EXPECT_EQ(printable("\\x0a"), "\\\\x0a"); }

}  // namespace
}  // namespace rollcall::apps
