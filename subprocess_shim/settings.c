/* SPDX-License-Identifier: Apache-2.0 */
#include "subprocess_shim/settings.h"

#include "abi/settings_abi.h"
#include "subprocess_shim/raw.h"

static struct {
  const char* begin; /* the first record */
  const char* end;
} g_settings;

void vtn_settings_enter(const char* session_folder, uint32_t bytes) {
  char path[VTN_PATH_BYTES];
  g_settings.begin = g_settings.end = NULL; /* those of an earlier session stay where they are */
  const size_t folder = vtn_length(session_folder);
  if (bytes < sizeof(vtn_settings_head) || folder + sizeof(VTN_SETTINGS_FILE) + 1 > sizeof(path)) {
    return;
  }
  vtn_copy(path, session_folder, folder);
  path[folder] = '/';
  vtn_copy(path + folder + 1, VTN_SETTINGS_FILE, sizeof(VTN_SETTINGS_FILE));
  const long fd = vtn_open(AT_FDCWD, path, O_RDONLY);
  if (fd < 0) {
    return;
  }
  /* What lies behind the end of a file that somebody cut would be a SIGBUS. */
  const long size = vtn_call3(SYS_lseek, fd, 0, 2 /* SEEK_END */);
  const long at =
      size < (long)bytes ? -1 : vtn_call6(SYS_mmap, 0, (long)bytes, PROT_READ, MAP_PRIVATE, fd, 0);
  vtn_close(fd);
  if (at < 0 && at > -4096) {
    return;
  }
  const vtn_settings_head* head = (const vtn_settings_head*)at;
  if (head->magic == VTN_SETTINGS_MAGIC && head->bytes == bytes) {
    g_settings.begin = (const char*)(head + 1);
    g_settings.end = (const char*)head + bytes;
  } else {
    vtn_unmap((void*)at, bytes);
  }
}

void vtn_settings(const void** begin, const void** end) {
  *begin = g_settings.begin;
  *end = g_settings.end;
}

const char* vtn_next_excluded(const char* pattern) {
  const char* const end = g_settings.end;
  const vtn_setting* record = (const vtn_setting*)g_settings.begin;
  if (pattern != NULL) {
    record = vtn_next_setting((const vtn_setting*)pattern - 1, end);
  }
  for (; (const char*)record < end && vtn_setting_is_whole(record, end);
       record = vtn_next_setting(record, end)) {
    const char* text = (const char*)(record + 1);
    if (record->key == VTN_SETTING_EXCLUDE && record->bytes > 1 && text[record->bytes - 1] == 0) {
      return text;
    }
  }
  return NULL;
}
