#include "tools/nccl-pattern/report/writer.h"

#include <fmt/format.h>

#include <algorithm>

namespace rocekit::pattern {
namespace {

constexpr int label_width = 8;

}  // namespace

void Writer::title(std::string_view words) {
  for (const std::string& part : text::wrap(words, width_, 0, 2)) {
    text_ += style_.paint(text::Tone::strong, part) + '\n';
  }
}

void Writer::line(std::string_view words, text::Tone tone) {
  for (const std::string& part : text::wrap(words, width_, 2, 4)) text_ += style_.paint(tone, part) + '\n';
}

void Writer::sentences(const char* heading, const std::vector<std::string>& list, text::Tone tone) {
  if (list.empty()) return;
  blank();
  text_ += "  " + style_.paint(tone, heading) + '\n';
  for (const std::string& sentence : list) line("- " + sentence);
}

void Writer::labelled(std::string_view label, std::string_view words, text::Tone tone) {
  bool first = true;
  for (const std::string& part : text::wrap(words, width_, label_width, label_width)) {
    const std::string body = part.substr(std::min<std::size_t>(label_width, part.size()));
    const std::string head = fmt::format("{:<{}}", first ? label : "", label_width);
    text_ += style_.paint(text::Tone::faint, head) + style_.paint(tone, body) + '\n';
    first = false;
  }
}

void Writer::heading(std::string_view label, std::string_view words) {
  blank();
  const std::string head = fmt::format("{}  ", label);
  const int indent = static_cast<int>(head.size());
  bool first = true;
  for (const std::string& part : text::wrap(words, width_, indent, indent)) {
    const std::string body = part.substr(std::min(head.size(), part.size()));
    text_ += (first ? style_.paint(text::Tone::strong, head) : std::string(head.size(), ' ')) + body + '\n';
    first = false;
  }
}

}  // namespace rocekit::pattern
