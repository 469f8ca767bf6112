/* Yardstick of start and memory: one WebKitGTK window with one small page.
 *
 *   cc bare_window.c -o bare_window $(pkg-config --cflags --libs webkit2gtk-4.1)
 *   bare_window        prints "ready" at the page's second animation frame, then stays open
 */
#include <gtk/gtk.h>
#include <stdio.h>
#include <webkit2/webkit2.h>

static const char PAGE[] =
    "<!doctype html><title>starting</title><body style='background:#ddd'><h1>Bare window</h1><script>"
    "requestAnimationFrame(() => requestAnimationFrame(() => { document.title = 'ready'; }));"
    "</script>";

static void on_title(GObject *view, GParamSpec *property, gpointer data) {
  (void)property;
  (void)data;
  if (g_strcmp0(webkit_web_view_get_title(WEBKIT_WEB_VIEW(view)), "ready") == 0) {
    puts("ready");
    fflush(stdout);
  }
}

int main(int argc, char **argv) {
  gtk_init(&argc, &argv);
  GtkWidget *window = gtk_window_new(GTK_WINDOW_TOPLEVEL);
  GtkWidget *view = webkit_web_view_new();
  gtk_window_set_default_size(GTK_WINDOW(window), 1280, 800);
  gtk_container_add(GTK_CONTAINER(window), view);
  g_signal_connect(view, "notify::title", G_CALLBACK(on_title), NULL);
  g_signal_connect(window, "destroy", G_CALLBACK(gtk_main_quit), NULL);
  gtk_widget_show_all(window);
  webkit_web_view_load_html(WEBKIT_WEB_VIEW(view), PAGE, NULL);
  gtk_main();
  return 0;
}
