/* The yardstick for line-scan: the least that a client of Aravis can be. Receives blocks and counts what is lost.
 *
 *     gcc -O2 -o linescan linescan.c $(pkg-config --cflags --libs aravis-0.8)
 *     linescan ADDRESS WIDTH HEIGHT LINES_PER_S SECONDS
 */
#include <arv.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PACKET_BYTES = 60000, BUFFERS = 64, SOCKET_BUFFER_BYTES = 16 << 20 };

static void or_die(GError *error, const char *what) {
  if (error) {
    fprintf(stderr, "%s: %s\n", what, error->message);
    exit(1);
  }
}

int main(int argc, char **argv) {
  if (argc != 6) {
    fprintf(stderr, "usage: linescan ADDRESS WIDTH HEIGHT LINES_PER_S SECONDS\n");
    return 2;
  }
  int width = atoi(argv[2]), height = atoi(argv[3]);
  double seconds = atof(argv[5]);
  GError *error = NULL;
  ArvCamera *camera = arv_camera_new(argv[1], &error);
  or_die(error, "open");
  arv_camera_set_region(camera, 0, 0, width, height, &error);
  or_die(error, "region");
  arv_camera_set_float(camera, "AcquisitionLineRate", atof(argv[4]), &error);
  or_die(error, "line rate");
  arv_camera_gv_set_packet_size(camera, PACKET_BYTES, &error);
  or_die(error, "packet size");
  arv_camera_gv_set_stream_options(camera, ARV_GV_STREAM_OPTION_PACKET_SOCKET_DISABLED);
  size_t payload = arv_camera_get_payload(camera, &error);
  or_die(error, "payload");
  ArvStream *stream = arv_camera_create_stream(camera, NULL, NULL, &error);
  or_die(error, "stream");
  g_object_set(stream, "packet-resend", ARV_GV_STREAM_PACKET_RESEND_ALWAYS, "socket-buffer",
               ARV_GV_STREAM_SOCKET_BUFFER_FIXED, "socket-buffer-size", SOCKET_BUFFER_BYTES, NULL);
  for (int n = 0; n < BUFFERS; n++)
    arv_stream_push_buffer(stream, arv_buffer_new(payload, NULL));
  arv_camera_start_acquisition(camera, &error);
  or_die(error, "start");

  gint64 begun = g_get_monotonic_time();
  long blocks = 0, bad = 0;
  guint64 lost = 0, next = 0;
  while (g_get_monotonic_time() - begun < seconds * 1e6) {
    ArvBuffer *buffer = arv_stream_timeout_pop_buffer(stream, 500000);
    if (!buffer)
      continue;
    if (arv_buffer_get_status(buffer) == ARV_BUFFER_STATUS_SUCCESS) {
      size_t size;
      guint64 line;
      memcpy(&line, arv_buffer_get_data(buffer, &size), sizeof line);
      if (blocks > 0)
        lost += line - next;
      next = line + height;
      blocks++;
    } else {
      bad++;
    }
    arv_stream_push_buffer(stream, buffer);
  }
  double took = (g_get_monotonic_time() - begun) / 1e6;
  printf("ok=%ld bad=%ld -> %.0f lines/s, lines lost %" G_GUINT64_FORMAT "\n", blocks, bad, blocks * height / took,
         lost);
  arv_camera_stop_acquisition(camera, NULL);
  g_object_unref(stream);
  g_object_unref(camera);
  return 0;
}
