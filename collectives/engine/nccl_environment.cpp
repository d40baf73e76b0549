#include "collectives/engine/nccl_environment.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <pwd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <optional>

#include "core/error.h"
#include "core/io/user_files.h"
#include "core/text/ascii.h"
#include "core/text/utf8.h"

namespace rocekit::collectives {
namespace {

constexpr std::size_t most_log_bytes = 16u << 20;
constexpr std::uint64_t most_equal_launches = 100;
constexpr std::size_t most_conf_bytes = 1u << 20;

std::optional<std::string> variable(const char* name) {
  const char* const value = ::getenv(name);
  return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

void set(const char* name, const std::optional<std::string>& value) {
  if (value) {
    ::setenv(name, value->c_str(), 1);
  } else {
    ::unsetenv(name);
  }
}

/// The one log of a process.
class ProcessLog {
 public:
  ProcessLog()
      : process_(::getpid()),
        user_level_(variable("NCCL_DEBUG")),
        user_file_(variable("NCCL_DEBUG_FILE")),
        user_subsystems_(variable("NCCL_DEBUG_SUBSYS")),
        user_net_(variable("NCCL_NET")) {
    if (user_file_ && user_file_->empty()) user_file_.reset();
  }

  /// A forked process has its own: the parent's file is the parent's.
  static ProcessLog& get() {
    static std::optional<ProcessLog> log;
    if (!log) {
      log.emplace();
    } else if (log->process_ != ::getpid()) {
      log->process_ = ::getpid();
      log->open();
    }
    return *log;
  }

  /// NCCL reads the variables once: the first side's wish for algorithms counts.
  void direct(bool algorithms) {
    if (directed_by_user()) return;
    if (!is_open()) open();
    if (!is_open()) return;
    if (text::lower_case(user_level_.value_or("")) != "trace") set("NCCL_DEBUG", "INFO");
    std::string subsystems = algorithms ? "INIT,BOOTSTRAP,NET,ENV,TUNING" : "INIT,BOOTSTRAP,NET,ENV";
    // A list that begins with '^' names what is left out.
    if (user_subsystems_ && !user_subsystems_->empty()) {
      subsystems = user_subsystems_->front() == '^' ? *user_subsystems_ : subsystems + "," + *user_subsystems_;
    }
    set("NCCL_DEBUG_SUBSYS", subsystems);
    set("NCCL_DEBUG_FILE", fmt::format("/proc/self/fd/{}", file_));
  }

  bool directed_by_user() const { return user_file_.has_value(); }
  const std::optional<std::string>& user_net() const { return user_net_; }
  bool is_open() const { return file_ >= 0; }

  std::size_t size() const {
    struct stat status {};
    return is_open() && ::fstat(file_, &status) == 0 ? static_cast<std::size_t>(status.st_size) : 0;
  }

  std::string read(std::size_t begin, std::size_t end) const {
    std::string text(end - begin, '\0');
    std::size_t have = 0;
    while (have < text.size()) {
      const ssize_t got = ::pread(file_, text.data() + have, text.size() - have, static_cast<off_t>(begin + have));
      if (got <= 0) break;
      have += static_cast<std::size_t>(got);
    }
    text.resize(have);
    return text;
  }

  /// Gives back the memory of what was read.
  void forget(std::size_t begin, std::size_t end) const {
    ::fallocate(file_, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(begin),
                static_cast<off_t>(end - begin));
  }

  /// To standard error, what the user's own NCCL_DEBUG would have shown.
  void echo(std::string_view text) const {
    if (!user_level_ || user_level_->empty()) return;
    const std::string level = text::lower_case(*user_level_);
    std::string shown;
    while (!text.empty()) {
      const std::string_view line = text.substr(0, std::min(text.find('\n'), text.size() - 1) + 1);
      text.remove_prefix(line.size());
      const bool warning = line.find(" NCCL WARN ") != line.npos;
      const bool wanted = level == "info" || level == "trace" || (level == "warn" && warning) ||
                          line.find("NCCL version ") != line.npos;
      if (wanted) shown += line;
    }
    if (!shown.empty()) {
      [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, shown.data(), shown.size());
    }
  }

 private:
  void open() { file_ = ::memfd_create("nccl-log", MFD_CLOEXEC); }

  pid_t process_;
  // As they were before anything was set here.
  std::optional<std::string> user_level_;
  std::optional<std::string> user_file_;
  std::optional<std::string> user_subsystems_;
  std::optional<std::string> user_net_;
  int file_ = -1;  ///< open until the process ends: NCCL names it
};

std::vector<std::string> conf_files() {
  std::vector<std::string> files;
  if (const auto named = variable("NCCL_CONF_FILE"); named && !named->empty()) {
    files.push_back(*named);
  } else if (const passwd* user = ::getpwuid(::getuid()); user != nullptr && user->pw_dir != nullptr) {
    files.push_back(std::string(user->pw_dir) + "/.nccl.conf");
  }
  files.emplace_back("/etc/nccl.conf");
  return files;
}

}  // namespace

std::vector<std::pair<std::string, std::string>> read_nccl_conf(const std::string& text) {
  std::vector<std::pair<std::string, std::string>> settings;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    const std::string line = text.substr(at, end - at);
    at = end + 1;
    const std::size_t equals = line.find('=');
    if (line.empty() || line.front() == '#' || equals == line.npos) continue;
    settings.emplace_back(line.substr(0, equals), line.substr(equals + 1));
  }
  return settings;
}

NcclEnvironment::NcclEnvironment(const SideRequest& request) {
  ProcessLog& log = ProcessLog::get();  // before settings: it keeps what the user had set
  for (const Setting& setting : request.settings) set(setting.name.c_str(), setting.value);
  log.direct(request.log_algorithms);
  if (log.directed_by_user()) {
    notes_.emplace_back(
        "NCCL_DEBUG_FILE is set, so NCCL's log goes there and proves nothing here; unset it to have it read");
  } else if (!log.is_open()) {
    notes_.emplace_back("NCCL's log could not be kept (memfd_create failed): counters alone prove the transport");
  }
  const bool conf_names_network = note_conf_files();
  if (!request.net_name.empty()) {
    // Unset, NCCL takes the value of its conf files, and that overrides the communicator's.
    if (conf_names_network) {
      network_ = request.net_name;
      notes_.push_back(fmt::format("NCCL_NET of the conf file does not hold here: this side uses {}", *network_));
    }
    return;
  }
  network_ = log.user_net();
  for (const Setting& setting : request.settings) {
    if (setting.name == "NCCL_NET") network_ = setting.value;
  }
}

bool NcclEnvironment::note_conf_files() {
  bool names_network = false;
  for (const std::string& file : conf_files()) {
    if (::access(file.c_str(), R_OK) != 0) continue;
    std::string shown;
    try {
      for (const auto& [name, value] : read_nccl_conf(io::read_input(file, most_conf_bytes))) {
        // The environment wins over files.
        if (name.rfind("NCCL_", 0) != 0 || (::getenv(name.c_str()) != nullptr && name != "NCCL_NET")) continue;
        if (name == "NCCL_NET") names_network = true;
        shown += (shown.empty() ? "" : ", ") + text::shortened(text::printable(name + "=" + value), 80);
      }
    } catch (const InputError&) {
      continue;  // NCCL reads it no better
    }
    if (!shown.empty()) notes_.push_back(fmt::format("{} sets {}", text::printable(file), shown));
  }
  return names_network;
}

void NcclEnvironment::apply_network() const {
  // As other threads of NCCL may look meanwhile, nothing is written that stands already.
  if (variable("NCCL_NET") != network_) set("NCCL_NET", network_);
}

NcclEnvironment::Scope::Scope(NcclEnvironment& environment) : environment_(environment) {
  begin_ = ProcessLog::get().size();
}

NcclEnvironment::Scope::~Scope() {
  ProcessLog& log = ProcessLog::get();
  const std::size_t end = log.size();
  if (end > begin_) {
    const std::string text = log.read(begin_, end);
    log.echo(text);
    environment_.keep(text);
    log.forget(begin_, end);
  }
}

void NcclEnvironment::keep(std::string_view text) {
  while (!text.empty()) {
    const std::string_view line = text.substr(0, std::min(text.find('\n'), text.size() - 1) + 1);
    text.remove_prefix(line.size());
    const bool launch = line.find(" Bytes -> Algo ") != line.npos;
    if (launch && ++launches_[std::string(line)] > most_equal_launches) continue;
    if (log_.size() + line.size() <= most_log_bytes) log_ += line;
  }
}

}  // namespace rocekit::collectives
