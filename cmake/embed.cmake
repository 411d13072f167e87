# Writes a C++ file with the bytes of FILES (separated by commas): cmake -DOUT=… -DFILES=… -DNAMESPACE=… -P embed.cmake
string(REPLACE "," ";" files "${FILES}")
set(arrays "")
set(table "")
set(index 0)
foreach(file IN LISTS files)
  file(READ "${file}" bytes HEX)
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
  get_filename_component(name "${file}" NAME)
  string(APPEND arrays "constexpr unsigned char file_${index}[] = {${bytes}};\n")
  string(APPEND table "    {\"${name}\", {reinterpret_cast<const char*>(file_${index}), sizeof file_${index}}},\n")
  math(EXPR index "${index} + 1")
endforeach()
file(WRITE "${OUT}.new" "// Made by embed.cmake.
#include \"gateway/dashboard/files.hpp\"

namespace ${NAMESPACE} {
namespace {
${arrays}const File all[] = {
${table}};
}  // namespace

std::span<const File> files() noexcept { return all; }

}  // namespace ${NAMESPACE}
")
file(RENAME "${OUT}.new" "${OUT}")
