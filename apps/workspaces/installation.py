"""The snippets that put the messenger on a site, each as its platform wants it."""

from __future__ import annotations

from dataclasses import dataclass

from django.http import HttpRequest

from apps.workspaces.models import Workspace


@dataclass(frozen=True, slots=True)
class Platform:
    """Where the code goes, and the code."""

    id: str
    title: str
    where: str
    code: str


def widget_url(request: HttpRequest) -> str:
    """Return the address of the messenger's script, as other sites name it."""
    return request.build_absolute_uri("/widget/opencom.js")


def platforms(workspace: Workspace, url: str) -> list[Platform]:
    """Return the snippet for each platform, with this workspace's id in it."""
    script = f'<script async src="{url}" data-opencom-workspace="{workspace.pk}"></script>'
    return [
        Platform("html", "Any website", "Put this once on every page, before the closing </body> tag.", script),
        Platform(
            "react",
            "React, Next.js",
            "Render this component once, in your root layout.",
            f'''import {{ useEffect }} from "react";

export function Messenger({{ user }}) {{
  useEffect(() => {{
    const script = document.createElement("script");
    script.src = "{url}";
    script.dataset.opencomWorkspace = "{workspace.pk}";
    document.body.append(script);
    return () => window.OpencomWidget?.destroy();
  }}, []);
  useEffect(() => {{
    window.OpencomWidget?.update({{ name: user?.name, email: user?.email }});
  }}, [user]);
  return null;
}}''',
        ),
        Platform(
            "vue",
            "Vue, Nuxt",
            "Put this in the setup of your root component.",
            f'''import {{ onMounted, onUnmounted }} from "vue";

onMounted(() => {{
  const script = document.createElement("script");
  script.src = "{url}";
  script.dataset.opencomWorkspace = "{workspace.pk}";
  document.body.append(script);
}});
onUnmounted(() => window.OpencomWidget?.destroy());''',
        ),
        Platform(
            "tag-manager",
            "Tag manager",
            "Add a custom HTML tag with this code and let it fire on all pages.",
            f'''<script>
  (function () {{
    var script = document.createElement("script");
    script.async = true;
    script.src = "{url}";
    script.setAttribute("data-opencom-workspace", "{workspace.pk}");
    document.head.appendChild(script);
  }})();
</script>''',
        ),
        Platform(
            "wordpress",
            "WordPress",
            "Put this in your child theme's functions.php.",
            f"""add_action('wp_footer', function () {{
    echo '{script}';
}});""",
        ),
    ]
