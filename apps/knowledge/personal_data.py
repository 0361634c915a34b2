"""What the knowledge base keeps about visitors."""

from apps.visitors.personal_data import UNTIL_ERASED, holds, holds_nothing

holds("knowledge.articlefeedback", "visitor", kept=UNTIL_ERASED)
holds_nothing("knowledge.helpcenter", "a workspace's settings")
holds_nothing("knowledge.collection", "a workspace's articles")
holds_nothing("knowledge.article", "a workspace's articles")
holds_nothing("knowledge.articleauthor", "who works here")
holds_nothing("knowledge.articleversion", "a workspace's articles")
holds_nothing("knowledge.oldslug", "addresses of a workspace's articles")
holds_nothing("knowledge.asset", "pictures and files of a workspace's articles")
holds_nothing("knowledge.chunk", "a workspace's articles")
holds_nothing("knowledge.word", "the words of a workspace's articles")
holds_nothing("knowledge.embeddingindex", "which model a workspace uses")
holds_nothing("knowledge.embedding", "a workspace's articles")
holds_nothing("knowledge.gap", "what was searched for, not by whom; addresses and long numbers are left out")
holds_nothing("knowledge.snippet", "texts for answers, with variables in place of people")
holds_nothing("knowledge.snippetuse", "what members used lately")
